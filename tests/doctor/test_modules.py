"""The kernel's modules, from the files of depmod and modprobe, and what the check of drivers says then."""

from __future__ import annotations

import pytest

from pymodeswitch import UsbId
from pymodeswitch.catalog.catalog import Catalog
from pymodeswitch.doctor.modules import Modules
from pymodeswitch.virtual.descriptors import Configuration, Identity, Interface
from tests.doctor.tree import PORT, RELEASE, Tree

FOLDER = f"/lib/modules/{RELEASE}"
HUAWEI = "usb:v12D1p1506d0102dc00dsc00dp00icFFisc02ip16in02"
ACM = "usb:v19D2p1203d0000dc00dsc00dp00ic02isc02ip01in00"


def modules(tree: Tree) -> Modules:
    return Modules(tree.computer())


@pytest.mark.parametrize(
    ("modalias", "expected"),
    [
        (HUAWEI, ("huawei_cdc_ncm",)),
        (HUAWEI.replace("12D1", "12D2"), ()),
        (ACM, ("cdc_acm",)),
        ("usb:v19D2p0031d0000dc00dsc00dp00icFFiscFFipFFin04", ("option", "qmi_wwan")),
        ("usb:v19D2p0031d0000dc00dsc00dp00icFFiscFFipFFin03", ("option",)),
        ("", ()),
        ("*", ()),
    ],
)
def test_which_module_takes_an_interface(tree: Tree, modalias: str, expected: tuple[str, ...]) -> None:
    assert modules(tree).for_modalias(modalias) == expected


@pytest.mark.parametrize(
    ("usb_id", "interface_class", "expected"),
    [
        ("19d2:1203", None, ("option",)),
        ("19d2:1203", 0xFF, ("option",)),
        ("19d2:1203", 0x02, ("cdc_acm",)),
        ("12d1:1506", None, ("huawei_cdc_ncm",)),
        ("1234:5678", None, ()),
        ("1234:5678", 0xFF, ()),
    ],
)
def test_which_module_may_take_a_target(
    tree: Tree, usb_id: str, interface_class: int | None, expected: tuple[str, ...]
) -> None:
    assert modules(tree).for_target(UsbId.parse(usb_id), interface_class) == expected


def test_what_is_built_in(tree: Tree) -> None:
    """Its aliases are in modules.builtin.modinfo, it is there, and it counts as loaded."""
    tree.write(f"{FOLDER}/modules.builtin", "kernel/drivers/net/usb/cdc_mbim.ko\n")
    alias = "usb:v*p*d*dc*dsc*dp*ic02isc0Eip00in*"
    tree.write(f"{FOLDER}/modules.builtin.modinfo", f"cdc_mbim.license=GPL\0cdc_mbim.alias={alias}\0")
    found = modules(tree)
    assert found.for_modalias("usb:v1234p5678d0000dc00dsc00dp00ic02isc0Eip00in00") == ("cdc_mbim",)
    assert found.is_loaded("cdc_mbim")
    assert found.is_there("cdc_mbim")
    assert not found.is_loaded("option")
    assert not found.is_there("rndis_host")


def test_openwrt_has_modules_without_lists(tree: Tree) -> None:
    tree.remove(FOLDER)
    alias = b"usb:v*p*d*dc*dsc*dp*ic02isc02ip01in*"
    tree.write(f"{FOLDER}/cdc-acm.ko", b"\x7fELF\0license=GPL\0alias=" + alias + b"\0alias=x\0")
    found = modules(tree)
    assert found.for_modalias(ACM) == ("cdc_acm",)
    assert found.is_there("cdc_acm")


def test_modules_below_usr(tree: Tree) -> None:
    text = tree.at(f"{FOLDER}/modules.alias").read_text()
    tree.remove("/lib/modules")
    assert modules(tree).folder == ""
    tree.write(f"/usr{FOLDER}/modules.alias", text)
    assert modules(tree).for_modalias(ACM) == ("cdc_acm",)


@pytest.mark.parametrize(
    ("path", "text", "place"),
    [
        ("/etc/modprobe.d/a.conf", "blacklist cdc-acm\n", "/etc/modprobe.d/a.conf"),
        ("/usr/lib/modprobe.d/a.conf", "install cdc_acm /bin/false\n", "/usr/lib/modprobe.d/a.conf"),
        ("/lib/modprobe.d/a.conf", "install cdc_acm \\\n  /bin/true\n", "/lib/modprobe.d/a.conf"),
        ("/etc/modprobe.d/a.conf", "install cdc_acm /sbin/modprobe --ignore-install cdc_acm\n", None),
        ("/etc/modprobe.d/a.conf", "# blacklist cdc_acm\nblacklist cdc_acm_other\nblacklist\n", None),
        ("/etc/modprobe.d/a.conf.bak", "blacklist cdc_acm\n", None),
        ("/proc/cmdline", "quiet module_blacklist=option,cdc_acm", "the kernel command line"),
        ("/proc/cmdline", "blacklist=cdc_acm", None),
    ],
)
def test_what_keeps_a_module_out(tree: Tree, path: str, text: str, place: str | None) -> None:
    tree.write(path, text)
    assert modules(tree).kept_out_by("cdc_acm") == place


def test_a_file_of_the_administrator_replaces_one_of_the_same_name(tree: Tree) -> None:
    tree.write("/usr/lib/modprobe.d/a.conf", "blacklist cdc_acm\n")
    tree.write("/etc/modprobe.d/a.conf", "")
    assert modules(tree).kept_out_by("cdc_acm") is None


@pytest.mark.parametrize(
    ("quirks", "letters"),
    [("19d2:1201:i", "i"), ("0bda:1a2b:i,19D2:1201:us\n", "us"), ("19d2:1202:i", ""), (":::,x:y:z", "")],
)
def test_usb_storage_quirks(tree: Tree, quirks: str, letters: str) -> None:
    tree.write("/sys/module/usb_storage/parameters/quirks", quirks)
    assert modules(tree).storage_quirks(UsbId(0x19D2, 0x1201)) == letters


def test_usb_storage_quirks_to_come(tree: Tree) -> None:
    """Not loaded yet: what modprobe will say to it."""
    tree.remove("/sys/module/usb_storage")
    tree.write("/etc/modprobe.d/a.conf", "options usb-storage delay_use=5 quirks=19d2:1201:i\n")
    assert modules(tree).storage_quirks(UsbId(0x19D2, 0x1201)) == "i"


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        ("quirk", "usb-storage is told to ignore it"),
        ("blacklist", "no storage driver has it (kept from loading by /etc/modprobe.d/a.conf)"),
        ("", "no storage driver has it: nobody"),
    ],
)
def test_a_stick_without_storage_driver_is_fine(
    stick: Tree, catalog: Catalog, spoil: str, text: str
) -> None:
    stick.remove(f"/sys/bus/usb/devices/{PORT}:1.0/driver")
    stick.remove(f"/sys/bus/usb/devices/{PORT}:1.0/host2")
    if spoil == "quirk":
        stick.write("/sys/module/usb_storage/parameters/quirks", "19d2:1201:i")
    elif spoil:
        stick.write("/etc/modprobe.d/a.conf", "blacklist usb-storage\n")
    findings = stick.findings(catalog=catalog)
    assert [f.text for f in findings if f.name == "storage-free" and text in f.text]
    # Where the tests lie, which others than root may change, is not what this is about.
    assert [f for f in findings if f.level.value == "problem" and f.name != "changeable"] == []


@pytest.mark.parametrize(
    ("codes", "vendor", "module"),
    [
        ((2, 2, 1), 0x1234, "CONFIG_USB_ACM"),
        ((2, 2, 255), 0x1234, "CONFIG_USB_NET_RNDIS_HOST"),
        ((2, 6, 0), 0x1234, "CONFIG_USB_NET_CDCETHER"),
        ((2, 13, 0), 0x1234, "CONFIG_USB_NET_CDC_NCM"),
        ((2, 14, 0), 0x1234, "CONFIG_USB_NET_CDC_MBIM"),
        ((0xE0, 1, 3), 0x1234, "CONFIG_USB_NET_RNDIS_HOST"),
        ((0xE0, 1, 1), 0x1234, None),  # Bluetooth
        ((255, 2, 0x16), 0x12D1, "CONFIG_USB_NET_HUAWEI_CDC_NCM"),
        ((255, 2, 0x16), 0x1234, "CONFIG_USB_SERIAL_OPTION"),
        ((10, 0, 0), 0x1234, None),
        ((3, 1, 1), 0x1234, None),
    ],
)
def test_what_a_kernel_without_any_driver_lacks(
    tree: Tree, catalog: Catalog, codes: tuple[int, int, int], vendor: int, module: str | None
) -> None:
    tree.write(f"{FOLDER}/modules.alias", "")
    tree.write(f"{FOLDER}/modules.dep", "")
    tree.remove("/sys/module/cdc_acm")
    tree.plug(Identity(vendor, 0x5678, (Configuration((Interface(0, *codes),)),)))
    cures = [
        f.cure or "" for f in tree.findings(port=PORT, catalog=catalog) if f.name == "driver-not-built"
    ]
    assert len(cures) == (module is not None)
    assert all(f"{module} " in cure for cure in cures)


@pytest.mark.parametrize(
    ("files", "cure"),
    [
        ({"/etc/openwrt_release": ""}, "opkg install kmod-usb-acm"),
        ({"/etc/openwrt_release": "", "/usr/bin/apk": ""}, "apk add kmod-usb-acm"),
        ({"/etc/os-release": "NAME=x\nID=ubuntu\n"}, f"apt-get install linux-modules-extra-{RELEASE}"),
        ({"/etc/os-release": "ID=debian\n"}, "use a kernel with CONFIG_USB_ACM (OpenWrt: kmod-usb-acm)"),
    ],
)
def test_where_a_driver_is_to_be_had(
    modem: Tree, catalog: Catalog, files: dict[str, str], cure: str
) -> None:
    for number in range(4):
        modem.remove(f"/sys/bus/usb/devices/{PORT}:1.{number}/driver")
    modem.remove("/sys/module/cdc_acm")
    modem.write(f"{FOLDER}/modules.alias", "")
    modem.write(f"{FOLDER}/modules.dep", "")
    for path, text in files.items():
        modem.write(path, text)
    assert {f.cure for f in modem.findings(catalog=catalog) if f.name == "driver-not-built"} == {cure}


def test_two_drivers_share_a_vendor_interface(tree: Tree, catalog: Catalog) -> None:
    """option is not loaded: that is said, though qmi_wwan, which knows the interface too, is."""
    interfaces = tuple(Interface(number, 255, 255, 255) for number in range(5))
    tree.plug(Identity(0x19D2, 0x0031, (Configuration(interfaces),)))
    tree.folder("/sys/module/qmi_wwan")
    tree.bind(f"{PORT}:1.3", "qmi_wwan")
    found = [f for f in tree.findings(port=PORT, catalog=catalog) if f.name == "driver-not-loaded"]
    assert [f.text[:11] for f in found] == [f"interface {n}" for n in (0, 1, 2, 4)]
    assert {f.cure for f in found} == {"modprobe -a option"}
    tree.folder("/sys/module/option/drivers/usb:option")
    tree.bind(f"{PORT}:1.0", "option")
    names = [f.name for f in tree.findings(port=PORT, catalog=catalog)]
    assert names.count("interface-unused") == 3
    assert "driver-not-loaded" not in names


def test_a_driver_of_another_name_than_its_module(tree: Tree) -> None:
    """usb_storage's is usb-storage; what is on other buses is left out."""
    tree.folder("/sys/module/usb_storage/drivers/platform:other")
    assert modules(tree).drivers("usb_storage") == ("usb-storage",)


def test_the_kernel_binds_nothing_by_itself(modem: Tree, catalog: Catalog) -> None:
    for number in range(4):
        modem.remove(f"/sys/bus/usb/devices/{PORT}:1.{number}/driver")
    modem.write("/sys/bus/usb/drivers_autoprobe", "0\n")
    found = [f for f in modem.findings(catalog=catalog) if f.name == "driver-not-bound"]
    assert [f.cure for f in found] == [
        "echo 1-1:1.0 > /sys/bus/usb/drivers/cdc_acm/bind",
        "echo 1-1:1.2 > /sys/bus/usb/drivers/cdc_acm/bind",
    ]
    assert all("told not to bind" in f.text for f in found)
