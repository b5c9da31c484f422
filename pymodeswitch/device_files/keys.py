"""The keys of device files: name, kind of value, range. The one table of them.

Kinds: hex (base 16, `0x` optional), number (base 16, written short), flag (hex, non-zero is true),
int (base 10), bool (first character 1, y, Y, t or T is true), list (hex product IDs), ids (complete IDs),
message (hex bytes).
"""

from __future__ import annotations

from ..nouns.record import Record


class Key(Record):
    """One key: its name in the file, its attribute in DeviceFile, its kind and largest value."""

    name: str
    attribute: str
    kind: str
    maximum: int = 0xFFFF
    special: bool = False

    @property
    def digits(self) -> int:
        """Hex digits that the largest value has."""
        return len(f"{self.maximum:x}")

    @property
    def maximum_text(self) -> str:
        """The largest value as its kind is written."""
        return str(self.maximum) if self.kind == "int" else f"0x{self.maximum:x}"


HOUR_S = 3600  # longer waits are typing errors

KEYS = (
    Key("DefaultVendor", "default_vendor", "hex"),
    Key("DefaultProduct", "default_product", "hex"),
    Key("TargetVendor", "target_vendor", "hex"),
    Key("TargetProduct", "target_product", "hex"),
    Key("TargetProductList", "target_product_list", "list"),
    Key("TargetIdList", "target_id_list", "ids"),
    Key("TargetClass", "target_class", "hex", 0xFF),
    Key("HuaweiMode", "huawei_mode", "bool", special=True),
    Key("HuaweiNewMode", "huawei_new_mode", "bool", special=True),
    Key("HuaweiAltMode", "huawei_alt_mode", "bool", special=True),
    Key("SierraMode", "sierra_mode", "bool", special=True),
    Key("SonyMode", "sony_mode", "bool", special=True),
    Key("GCTMode", "gct_mode", "bool", special=True),
    Key("KobilMode", "kobil_mode", "bool", special=True),
    Key("SequansMode", "sequans_mode", "bool", special=True),
    Key("MobileActionMode", "mobile_action_mode", "bool", special=True),
    Key("CiscoMode", "cisco_mode", "bool", special=True),
    Key("QisdaMode", "qisda_mode", "bool", special=True),
    Key("QuantaMode", "quanta_mode", "bool", special=True),
    Key("OptionMode", "option_mode", "bool", special=True),
    Key("BlackberryMode", "blackberry_mode", "bool", special=True),
    Key("PantechMode", "pantech_mode", "int", 0xFFFF, special=True),
    Key("DetachStorageOnly", "detach_storage_only", "bool", special=True),
    Key("StandardEject", "standard_eject", "bool"),
    Key("MessageContent", "message_content", "message"),
    Key("MessageContent2", "message_content2", "message"),
    Key("MessageContent3", "message_content3", "message"),
    Key("MessageEndpoint", "message_endpoint", "hex", 0xFF),
    Key("ResponseEndpoint", "response_endpoint", "hex", 0xFF),
    Key("ThroughDriver", "through_driver", "bool"),
    Key("NeedResponse", "need_response", "bool"),
    Key("Configuration", "configuration", "number", 0xFF),
    Key("Interface", "interface", "hex", 0xFF),
    Key("AltSetting", "alt_setting", "number", 0xFF),
    Key("ResetUSB", "reset_usb", "flag", 0xFF),
    Key("ReleaseDelay", "release_delay_ms", "int", HOUR_S * 1000),
    Key("WaitBefore", "wait_before_s", "int", HOUR_S),
    Key("CheckSuccess", "check_success_s", "int", HOUR_S),
    Key("NoDriverLoading", "no_driver_loading", "bool"),
    Key("NoMBIMCheck", "no_mbim_check", "bool"),
)

# Keys that only help to judge: where one cannot be read, a lenient reader goes on without it.
HINTS = frozenset(
    key.attribute for key in KEYS if key.name.startswith(("Target", "Default", "No", "Need", "Check"))
)

SPECIAL_METHODS = tuple(key for key in KEYS if key.special)

COMBINED_WITH_MESSAGE = tuple(
    key
    for key in KEYS
    if key.attribute in ("standard_eject", "message_content", "message_content2", "message_content3")
)
