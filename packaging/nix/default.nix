# nix-build packaging/nix: from this tree, with the rules, units, man pages and completions in the output.
# For NixOS: services.udev.packages and systemd.packages = [ pymodeswitch ]; the rules start it by its path in the store.
{
  pkgs ? import <nixpkgs> { },
}:
let
  inherit (pkgs) lib python3Packages;
  python = python3Packages.python.interpreter;
  source = lib.cleanSource ../..;
  module = builtins.readFile ../../pymodeswitch/__init__.py;
in
python3Packages.buildPythonApplication {
  pname = "pymodeswitch";
  # The one place of the version.
  version = builtins.head (builtins.match ''.*__version__ = "([^"]+)".*'' module);
  pyproject = true;
  src = source;

  build-system = [ python3Packages.hatchling ];
  dependencies = [
    python3Packages.pyusb
    python3Packages.construct
  ];
  # libusb-package is a wheel with libusb inside: nixpkgs has a libusb of its own.
  pythonRemoveDeps = [ "libusb-package" ];
  makeWrapperArgs = [ "--prefix LD_LIBRARY_PATH : ${lib.makeLibraryPath [ pkgs.libusb1 ]}" ];

  nativeCheckInputs = [
    python3Packages.pytest
    python3Packages.hypothesis
  ];
  checkPhase = ''
    runHook preCheck
    LD_LIBRARY_PATH=${lib.makeLibraryPath [ pkgs.libusb1 ]} sh tests/versions.sh --distribution python3
    runHook postCheck
  '';

  # The wheel's rules and units name /usr/bin/pymodeswitch and /usr/lib/udev. The sender, which needs no libusb, is
  # started by its own file: that is quicker than the wrapper.
  postInstall = ''
    substituteInPlace $out/lib/udev/rules.d/*.rules $out/lib/systemd/system/*.service \
      --replace-quiet '/usr/bin/pymodeswitch early' \
        "${python} -I -S $out/${python3Packages.python.sitePackages}/pymodeswitch/early/__main__.py" \
      --replace-quiet /usr/bin/pymodeswitch $out/bin/pymodeswitch \
      --replace-quiet /usr/lib/udev/ $out/lib/udev/
  '';

  meta = {
    description = "Switches USB modems and Wi-Fi sticks that show up as a CD-ROM";
    license = with lib.licenses; [
      mit
      gpl2Plus
    ];
    mainProgram = "pymodeswitch";
    platforms = lib.platforms.linux;
  };
}
