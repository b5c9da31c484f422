# Completion of pymodeswitch for fish, generated from its grammar by `python -m tools.derived`
function __pymodeswitch_ports
    for port in /sys/bus/usb/devices/*-*
        string match -q '*:*' $port; or string replace -r '.*/' '' $port
    end
end
function __pymodeswitch_ids
    for port in /sys/bus/usb/devices/*-*
        test -r $port/idVendor; and echo (cat $port/idVendor):(cat $port/idProduct)
    end
    set -l word (commandline -ct)
    test -n "$word"; or return
    string split -n ' ' '03f0:002a 03f0:032a 03f0:0857 03f0:371d 03f0:4b1d 03f0:4e1d 03f0:521d 03f0:531d 03f0:541d
    03f0:581d 03f0:631d 03f0:641d 03f0:681d 03f0:911d 03f0:931d 03f0:9a1d 03f0:9d1d 03f0:a31d
    0408:1000 0408:ea17 0408:ea25 0408:ea43 0408:f000 0408:f001 0421:060c 0421:0610 0421:0618
    0421:061d 0421:0622 0421:0627 0421:062c 0421:0632 0421:0637 046d:c261 046d:c267 046d:c26d
    0471:1210 0471:1237 0482:024d 04bb:bccd 04cc:2251 04cc:225c 04cc:226e 04cc:226f 04e8:680c
    04e8:689a 04e8:f000 04fc:2140 057c:62ff 057c:84ff 0586:2030 05c6:0010 05c6:1000 05c6:2000
    05c6:2001 05c6:6503 05c6:9024 05c6:98ff 05c6:f000 05c7:1000 0685:2000 072f:100d 07d1:a800
    07d1:a804 07d1:f000 0846:0fff 0922:1001 0922:1003 0922:1007 0930:0d46 0ace:2011 0ace:20ff
    0af0:4007 0af0:6711 0af0:6731 0af0:6751 0af0:6771 0af0:6791 0af0:6811 0af0:6911 0af0:6951
    0af0:6971 0af0:7011 0af0:7031 0af0:7051 0af0:7071 0af0:7111 0af0:7211 0af0:7251 0af0:7271
    0af0:7301 0af0:7311 0af0:7361 0af0:7381 0af0:7401 0af0:7501 0af0:7601 0af0:7701 0af0:7706
    0af0:7801 0af0:7901 0af0:7a01 0af0:7a05 0af0:8006 0af0:8200 0af0:8201 0af0:8300 0af0:8302
    0af0:8304 0af0:8400 0af0:8600 0af0:8700 0af0:8800 0af0:8900 0af0:9000 0af0:9200 0af0:c031
    0af0:c100 0af0:d001 0af0:d013 0af0:d031 0af0:d033 0af0:d035 0af0:d055 0af0:d057 0af0:d058
    0af0:d155 0af0:d157 0af0:d255 0af0:d257 0af0:d357 0b3c:c700 0b3c:f000 0b3c:f00c 0b3c:f017
    0bda:1a2b 0bda:8151 0bda:a192 0bdb:190d 0bdb:1910 0cf3:20ff 0d46:45a1 0d46:45a5 0df7:0800
    0e8d:0002 0e8d:2870 0e8d:7109 0fca:8020 0fce:d0cf 0fce:d0df 0fce:d0e1 0fce:d103 0fd1:1000
    1004:1000 1004:607f 1004:610c 1004:613a 1004:613f 1004:614e 1004:6156 1004:6190 1004:61dd
    1004:61e7 1004:61eb 1004:6327 106c:3b03 106c:3b05 106c:3b06 106c:3b11 106c:3b14 1076:7f40
    109b:f009 10a9:606f 10a9:6080 1111:1111 1199:0fff 1199:9011 1199:9013 1199:9017 1199:901b
    1199:901c 1199:901f 1199:9041 1199:9051 1199:9053 1199:9063 1266:1000 12d1:1001 12d1:1003
    12d1:1009 12d1:1010 12d1:101e 12d1:1030 12d1:1031 12d1:1413 12d1:1414 12d1:1446 12d1:1449
    12d1:14ad 12d1:14b5 12d1:14b7 12d1:14ba 12d1:14c1 12d1:14c3 12d1:14c4 12d1:14c5 12d1:14d1
    12d1:14fe 12d1:1505 12d1:151a 12d1:1520 12d1:1521 12d1:1523 12d1:1526 12d1:1527 12d1:1553
    12d1:1557 12d1:155a 12d1:155b 12d1:156a 12d1:1570 12d1:1571 12d1:1572 12d1:1573 12d1:157c
    12d1:157d 12d1:1580 12d1:1581 12d1:1582 12d1:1583 12d1:1597 12d1:15bb 12d1:15c0 12d1:15c1
    12d1:15ca 12d1:15cd 12d1:15ce 12d1:15cf 12d1:15d0 12d1:15d2 12d1:15e7 12d1:15ec 12d1:15ee
    12d1:15f0 12d1:1805 12d1:1c0b 12d1:1c1b 12d1:1c24 12d1:1c25 12d1:1d50 12d1:1da1 12d1:1f01
    12d1:1f02 12d1:1f03 12d1:1f04 12d1:1f05 12d1:1f06 12d1:1f07 12d1:1f09 12d1:1f0a 12d1:1f11
    12d1:1f15 12d1:1f16 12d1:1f17 12d1:1f18 12d1:1f19 12d1:1f1b 12d1:1f1c 12d1:1f1d 12d1:1f1e
    12d1:380b 1307:1169 1410:5010 1410:5020 1410:5023 1410:5030 1410:5031 1410:5041 1410:5055
    1410:5059 1410:7001 1410:9020 1410:9030 1410:b00c 148e:a000 148f:2578 148f:2878 15eb:7153
    15eb:a403 1614:0800 1614:0802 161c:f010 16d5:f000 16d8:6281 16d8:6803 16d8:6804 16d8:700a
    16d8:700b 16d8:f000 1726:1900 1726:f00e 1782:0003 1782:0023 198a:0003 198f:bccd 19d2:0003
    19d2:0026 19d2:0033 19d2:0040 19d2:0053 19d2:0083 19d2:0090 19d2:0101 19d2:0103 19d2:0110
    19d2:0115 19d2:0120 19d2:0146 19d2:0149 19d2:0150 19d2:0154 19d2:0166 19d2:0169 19d2:0198
    19d2:0266 19d2:0304 19d2:0318 19d2:0325 19d2:0388 19d2:0413 19d2:1001 19d2:1007 19d2:1009
    19d2:1013 19d2:1017 19d2:1019 19d2:1020 19d2:1022 19d2:1026 19d2:1030 19d2:1034 19d2:1038
    19d2:1042 19d2:1046 19d2:1171 19d2:1175 19d2:1179 19d2:1201 19d2:1207 19d2:1210 19d2:1216
    19d2:1219 19d2:1224 19d2:1225 19d2:1227 19d2:1232 19d2:1233 19d2:1237 19d2:1238 19d2:1420
    19d2:1421 19d2:1511 19d2:1514 19d2:1517 19d2:1520 19d2:1523 19d2:1528 19d2:1536 19d2:1542
    19d2:1580 19d2:1588 19d2:1595 19d2:1705 19d2:2000 19d2:2004 19d2:bccd 19d2:ffde 19d2:ffe6
    19d2:fff5 19d2:fff6 1a8d:1000 1a8d:2000 1ab7:5700 1b7d:0700 1bbb:000f 1bbb:00ca 1bbb:011f
    1bbb:022c 1bbb:025e 1bbb:f000 1bbb:f017 1bbb:f052 1c9e:1001 1c9e:3003 1c9e:6000 1c9e:6061
    1c9e:9101 1c9e:9200 1c9e:9401 1c9e:9800 1c9e:98ff 1c9e:9bfe 1c9e:9d00 1c9e:9e00 1c9e:9e08
    1c9e:f000 1c9e:f010 1c9e:f030 1d09:1000 1d09:1021 1d09:1025 1da5:f000 1dbc:0669 1dd6:1000
    1de1:1101 1e0e:f000 1e89:f000 1edf:6003 1ee8:0003 1ee8:0007 1ee8:0009 1ee8:0013 1ee8:0018
    1ee8:0040 1ee8:0045 1ee8:0048 1ee8:004a 1ee8:004f 1ee8:0054 1ee8:0060 1ee8:0063 1ee8:0068
    1f28:0021 1fac:0032 1fac:0130 1fac:0150 1fac:0151 2001:00a6 2001:00a7 2001:7600 2001:98ff
    2001:a401 2001:a403 2001:a405 2001:a406 2001:a407 2001:a40a 2001:a40d 2001:a706 2001:a707
    2001:a708 2001:a805 2001:a809 2001:a80b 2001:ab00 2001:ac01 2015:0001 201e:1023 201e:2009
    2020:0002 2020:2030 2020:f00e 2020:f00f 2077:1000 2077:f000 20a6:f00a 20a6:f00e 20b9:1682
    21f5:1000 21f5:3010 2262:0001 22de:6801 22de:6802 22de:6803 22f4:0021 230d:0001 230d:0003
    230d:0007 230d:000b 230d:000c 230d:000d 230d:0101 230d:0103 2357:0200 2357:0600 2357:f000
    23a2:1010 257a:a000 257a:b000 257a:c000 257a:d000 2fd4:9aff 3426:1f01 3566:2001 413c:81a2
    413c:81a3 413c:81a4 413c:81a8 413c:81b1 413c:81b3 413c:81d7 413c:81e0 6000:1000 8888:6500
    a69c:5721 a69c:5722 a69c:5723 a69c:5724 a69c:5725 a69c:5726 a69c:5727 a69c:572a a69c:572c
    a69c:572f ed09:1021' | string trim
end
complete -c pymodeswitch -f
complete -c pymodeswitch -n '__fish_use_subcommand' -a '(__pymodeswitch_ids)'
complete -c pymodeswitch -n '__fish_use_subcommand' -l version -d 'show the version'
complete -c pymodeswitch -n '__fish_use_subcommand' -a switch -d 'switch a stick (what an ID alone does)'
complete -c pymodeswitch -n 'not __fish_seen_subcommand_from scan watch judge list devices explain lint rules symlink demo data system modem doctor learn try report' -s h -l help -d 'show this help message and exit'
complete -c pymodeswitch -n 'not __fish_seen_subcommand_from scan watch judge list devices explain lint rules symlink demo data system modem doctor learn try report' -l port -x -a '(__pymodeswitch_ports)' -d 'the stick on this port, such as 1-1.2'
complete -c pymodeswitch -n 'not __fish_seen_subcommand_from scan watch judge list devices explain lint rules symlink demo data system modem doctor learn try report' -l serial -x -d 'the stick with this serial number (see list -v)'
complete -c pymodeswitch -n 'not __fish_seen_subcommand_from scan watch judge list devices explain lint rules symlink demo data system modem doctor learn try report' -l mode -x -d 'the way of switching, where there are several (see explain)'
complete -c pymodeswitch -n 'not __fish_seen_subcommand_from scan watch judge list devices explain lint rules symlink demo data system modem doctor learn try report' -l no-mbim -d 'do not prefer MBIM configurations'
complete -c pymodeswitch -n 'not __fish_seen_subcommand_from scan watch judge list devices explain lint rules symlink demo data system modem doctor learn try report' -l config -r -F -d 'use this device file'
complete -c pymodeswitch -n 'not __fish_seen_subcommand_from scan watch judge list devices explain lint rules symlink demo data system modem doctor learn try report' -l no-wait -d 'send, do not wait for the verdict'
complete -c pymodeswitch -n 'not __fish_seen_subcommand_from scan watch judge list devices explain lint rules symlink demo data system modem doctor learn try report' -l timeout -x -d 'seconds for the verdict'
complete -c pymodeswitch -n 'not __fish_seen_subcommand_from scan watch judge list devices explain lint rules symlink demo data system modem doctor learn try report' -l dry-run -d 'show what would be sent, send nothing'
complete -c pymodeswitch -n 'not __fish_seen_subcommand_from scan watch judge list devices explain lint rules symlink demo data system modem doctor learn try report' -l data -x -a '(__fish_complete_directories)' -d 'a folder looked at first'
complete -c pymodeswitch -n 'not __fish_seen_subcommand_from scan watch judge list devices explain lint rules symlink demo data system modem doctor learn try report' -l json -d 'print one JSON object'
complete -c pymodeswitch -n 'not __fish_seen_subcommand_from scan watch judge list devices explain lint rules symlink demo data system modem doctor learn try report' -s v -l verbose -d 'say what is done, and why'
complete -c pymodeswitch -n 'not __fish_seen_subcommand_from scan watch judge list devices explain lint rules symlink demo data system modem doctor learn try report' -s q -l quiet -d 'print only errors'
complete -c pymodeswitch -n 'not __fish_seen_subcommand_from scan watch judge list devices explain lint rules symlink demo data system modem doctor learn try report' -a '(__pymodeswitch_ids)'
complete -c pymodeswitch -n '__fish_use_subcommand' -a scan -d 'switch everything attached that wants it'
complete -c pymodeswitch -n '__fish_seen_subcommand_from scan' -s h -l help -d 'show this help message and exit'
complete -c pymodeswitch -n '__fish_seen_subcommand_from scan' -l timeout -x -d 'seconds for each verdict'
complete -c pymodeswitch -n '__fish_seen_subcommand_from scan' -l dry-run -d 'show what would be done, send nothing'
complete -c pymodeswitch -n '__fish_seen_subcommand_from scan' -l data -x -a '(__fish_complete_directories)' -d 'a folder looked at first'
complete -c pymodeswitch -n '__fish_seen_subcommand_from scan' -l json -d 'print one JSON object'
complete -c pymodeswitch -n '__fish_seen_subcommand_from scan' -s v -l verbose -d 'say what is done, and why'
complete -c pymodeswitch -n '__fish_seen_subcommand_from scan' -s q -l quiet -d 'print only errors'
complete -c pymodeswitch -n '__fish_use_subcommand' -a watch -d 'switch everything that comes, for systems without udev'
complete -c pymodeswitch -n '__fish_seen_subcommand_from watch' -s h -l help -d 'show this help message and exit'
complete -c pymodeswitch -n '__fish_seen_subcommand_from watch' -l timeout -x -d 'seconds for each verdict'
complete -c pymodeswitch -n '__fish_seen_subcommand_from watch' -l data -x -a '(__fish_complete_directories)' -d 'a folder looked at first'
complete -c pymodeswitch -n '__fish_seen_subcommand_from watch' -l json -d 'print one JSON object'
complete -c pymodeswitch -n '__fish_seen_subcommand_from watch' -s v -l verbose -d 'say what is done, and why'
complete -c pymodeswitch -n '__fish_seen_subcommand_from watch' -s q -l quiet -d 'print only errors'
complete -c pymodeswitch -n '__fish_use_subcommand' -a judge -d 'see what comes of sticks that udev has had switched (started by systemd)'
complete -c pymodeswitch -n '__fish_seen_subcommand_from judge' -s h -l help -d 'show this help message and exit'
complete -c pymodeswitch -n '__fish_seen_subcommand_from judge' -l json -d 'print one JSON object'
complete -c pymodeswitch -n '__fish_seen_subcommand_from judge' -s v -l verbose -d 'say what is done, and why'
complete -c pymodeswitch -n '__fish_seen_subcommand_from judge' -s q -l quiet -d 'print only errors'
complete -c pymodeswitch -n '__fish_use_subcommand' -a list -d 'show what is attached'
complete -c pymodeswitch -n '__fish_seen_subcommand_from list' -s h -l help -d 'show this help message and exit'
complete -c pymodeswitch -n '__fish_seen_subcommand_from list' -l sources -d 'show the folders of device files, and which files replace others (-v: every file)'
complete -c pymodeswitch -n '__fish_seen_subcommand_from list' -l data -x -a '(__fish_complete_directories)' -d 'a folder looked at first'
complete -c pymodeswitch -n '__fish_seen_subcommand_from list' -l json -d 'print one JSON object'
complete -c pymodeswitch -n '__fish_seen_subcommand_from list' -s v -l verbose -d 'say what is done, and why'
complete -c pymodeswitch -n '__fish_seen_subcommand_from list' -s q -l quiet -d 'print only errors'
complete -c pymodeswitch -n '__fish_use_subcommand' -a devices -d 'show the devices that are known, searched by words'
complete -c pymodeswitch -n '__fish_seen_subcommand_from devices' -s h -l help -d 'show this help message and exit'
complete -c pymodeswitch -n '__fish_seen_subcommand_from devices' -l data -x -a '(__fish_complete_directories)' -d 'a folder looked at first'
complete -c pymodeswitch -n '__fish_seen_subcommand_from devices' -l json -d 'print one JSON object'
complete -c pymodeswitch -n '__fish_seen_subcommand_from devices' -s v -l verbose -d 'say what is done, and why'
complete -c pymodeswitch -n '__fish_seen_subcommand_from devices' -s q -l quiet -d 'print only errors'
complete -c pymodeswitch -n '__fish_use_subcommand' -a explain -d 'show an ID\'s entry and plan'
complete -c pymodeswitch -n '__fish_seen_subcommand_from explain' -s h -l help -d 'show this help message and exit'
complete -c pymodeswitch -n '__fish_seen_subcommand_from explain' -l port -x -a '(__pymodeswitch_ports)' -d 'the stick on this port, such as 1-1.2'
complete -c pymodeswitch -n '__fish_seen_subcommand_from explain' -l serial -x -d 'the stick with this serial number (see list -v)'
complete -c pymodeswitch -n '__fish_seen_subcommand_from explain' -l mode -x -d 'the way of switching, where there are several (see explain)'
complete -c pymodeswitch -n '__fish_seen_subcommand_from explain' -l no-mbim -d 'do not prefer MBIM configurations'
complete -c pymodeswitch -n '__fish_seen_subcommand_from explain' -l config -r -F -d 'use this device file'
complete -c pymodeswitch -n '__fish_seen_subcommand_from explain' -l data -x -a '(__fish_complete_directories)' -d 'a folder looked at first'
complete -c pymodeswitch -n '__fish_seen_subcommand_from explain' -l json -d 'print one JSON object'
complete -c pymodeswitch -n '__fish_seen_subcommand_from explain' -s v -l verbose -d 'say what is done, and why'
complete -c pymodeswitch -n '__fish_seen_subcommand_from explain' -s q -l quiet -d 'print only errors'
complete -c pymodeswitch -n '__fish_seen_subcommand_from explain' -a '(__pymodeswitch_ids)'
complete -c pymodeswitch -n '__fish_use_subcommand' -a lint -d 'check device files'
complete -c pymodeswitch -n '__fish_seen_subcommand_from lint' -s h -l help -d 'show this help message and exit'
complete -c pymodeswitch -n '__fish_seen_subcommand_from lint' -l json -d 'print one JSON object'
complete -c pymodeswitch -n '__fish_seen_subcommand_from lint' -s v -l verbose -d 'say what is done, and why'
complete -c pymodeswitch -n '__fish_seen_subcommand_from lint' -s q -l quiet -d 'print only errors'
complete -c pymodeswitch -n '__fish_seen_subcommand_from lint' -F
complete -c pymodeswitch -n '__fish_use_subcommand' -a rules -d 'print udev rules'
complete -c pymodeswitch -n '__fish_seen_subcommand_from rules' -s h -l help -d 'show this help message and exit'
complete -c pymodeswitch -n '__fish_seen_subcommand_from rules' -l command -x -d 'how pymodeswitch is started'
complete -c pymodeswitch -n '__fish_seen_subcommand_from rules' -l links -d 'the rules for the link gsmmodem to a modem\'s port instead'
complete -c pymodeswitch -n '__fish_seen_subcommand_from rules' -l data -x -a '(__fish_complete_directories)' -d 'a folder looked at first'
complete -c pymodeswitch -n '__fish_seen_subcommand_from rules' -l json -d 'print one JSON object'
complete -c pymodeswitch -n '__fish_seen_subcommand_from rules' -s v -l verbose -d 'say what is done, and why'
complete -c pymodeswitch -n '__fish_seen_subcommand_from rules' -s q -l quiet -d 'print only errors'
complete -c pymodeswitch -n '__fish_use_subcommand' -a symlink -d 'the name of the link for a modem\'s serial port, for udev'
complete -c pymodeswitch -n '__fish_seen_subcommand_from symlink' -s h -l help -d 'show this help message and exit'
complete -c pymodeswitch -n '__fish_seen_subcommand_from symlink' -l known -d 'it is a modem: do not ask the device files'
complete -c pymodeswitch -n '__fish_seen_subcommand_from symlink' -l data -x -a '(__fish_complete_directories)' -d 'a folder looked at first'
complete -c pymodeswitch -n '__fish_seen_subcommand_from symlink' -l json -d 'print one JSON object'
complete -c pymodeswitch -n '__fish_seen_subcommand_from symlink' -s v -l verbose -d 'say what is done, and why'
complete -c pymodeswitch -n '__fish_seen_subcommand_from symlink' -s q -l quiet -d 'print only errors'
complete -c pymodeswitch -n '__fish_use_subcommand' -a demo -d 'the whole job on a virtual stick'
complete -c pymodeswitch -n '__fish_seen_subcommand_from demo' -s h -l help -d 'show this help message and exit'
complete -c pymodeswitch -n '__fish_seen_subcommand_from demo' -l json -d 'print one JSON object'
complete -c pymodeswitch -n '__fish_seen_subcommand_from demo' -s v -l verbose -d 'say what is done, and why'
complete -c pymodeswitch -n '__fish_seen_subcommand_from demo' -s q -l quiet -d 'print only errors'
complete -c pymodeswitch -n '__fish_use_subcommand' -a data -d 'import and export device files; note where they are'
complete -c pymodeswitch -n '__fish_seen_subcommand_from data; and not __fish_seen_subcommand_from import export refresh' -a import -d 'import device files'
complete -c pymodeswitch -n '__fish_seen_subcommand_from data; and __fish_seen_subcommand_from import' -s h -l help -d 'show this help message and exit'
complete -c pymodeswitch -n '__fish_seen_subcommand_from data; and __fish_seen_subcommand_from import' -l to -x -a '(__fish_complete_directories)' -d 'folder to write into'
complete -c pymodeswitch -n '__fish_seen_subcommand_from data; and __fish_seen_subcommand_from import' -l source-name -x -d 'where the facts are from'
complete -c pymodeswitch -n '__fish_seen_subcommand_from data; and __fish_seen_subcommand_from import' -l json -d 'print one JSON object'
complete -c pymodeswitch -n '__fish_seen_subcommand_from data; and __fish_seen_subcommand_from import' -s v -l verbose -d 'say what is done, and why'
complete -c pymodeswitch -n '__fish_seen_subcommand_from data; and __fish_seen_subcommand_from import' -s q -l quiet -d 'print only errors'
complete -c pymodeswitch -n '__fish_seen_subcommand_from data; and __fish_seen_subcommand_from import' -F
complete -c pymodeswitch -n '__fish_seen_subcommand_from data; and not __fish_seen_subcommand_from import export refresh' -a export -d 'write the catalogue for another program'
complete -c pymodeswitch -n '__fish_seen_subcommand_from data; and __fish_seen_subcommand_from export' -s h -l help -d 'show this help message and exit'
complete -c pymodeswitch -n '__fish_seen_subcommand_from data; and __fish_seen_subcommand_from export' -l format -x -a 'classic openwrt' -d 'for usb_modeswitch, or usbmode'
complete -c pymodeswitch -n '__fish_seen_subcommand_from data; and __fish_seen_subcommand_from export' -l to -x -d 'folder (classic) or file to write'
complete -c pymodeswitch -n '__fish_seen_subcommand_from data; and __fish_seen_subcommand_from export' -l data -x -a '(__fish_complete_directories)' -d 'a folder looked at first'
complete -c pymodeswitch -n '__fish_seen_subcommand_from data; and __fish_seen_subcommand_from export' -l json -d 'print one JSON object'
complete -c pymodeswitch -n '__fish_seen_subcommand_from data; and __fish_seen_subcommand_from export' -s v -l verbose -d 'say what is done, and why'
complete -c pymodeswitch -n '__fish_seen_subcommand_from data; and __fish_seen_subcommand_from export' -s q -l quiet -d 'print only errors'
complete -c pymodeswitch -n '__fish_seen_subcommand_from data; and not __fish_seen_subcommand_from import export refresh' -a refresh -d 'note where device files are: packs, large folders'
complete -c pymodeswitch -n '__fish_seen_subcommand_from data; and __fish_seen_subcommand_from refresh' -s h -l help -d 'show this help message and exit'
complete -c pymodeswitch -n '__fish_seen_subcommand_from data; and __fish_seen_subcommand_from refresh' -l data -x -a '(__fish_complete_directories)' -d 'a folder looked at first'
complete -c pymodeswitch -n '__fish_seen_subcommand_from data; and __fish_seen_subcommand_from refresh' -l json -d 'print one JSON object'
complete -c pymodeswitch -n '__fish_seen_subcommand_from data; and __fish_seen_subcommand_from refresh' -s v -l verbose -d 'say what is done, and why'
complete -c pymodeswitch -n '__fish_seen_subcommand_from data; and __fish_seen_subcommand_from refresh' -s q -l quiet -d 'print only errors'
complete -c pymodeswitch -n '__fish_use_subcommand' -a system -d 'install, check or remove udev rules, systemd units, man pages and completions'
complete -c pymodeswitch -n '__fish_seen_subcommand_from system; and not __fish_seen_subcommand_from install check uninstall' -a install -d 'install udev rules, systemd units, man pages and completions'
complete -c pymodeswitch -n '__fish_seen_subcommand_from system; and __fish_seen_subcommand_from install' -s h -l help -d 'show this help message and exit'
complete -c pymodeswitch -n '__fish_seen_subcommand_from system; and __fish_seen_subcommand_from install' -l root -x -a '(__fish_complete_directories)' -d 'the folder that stands for /'
complete -c pymodeswitch -n '__fish_seen_subcommand_from system; and __fish_seen_subcommand_from install' -l prefix -x -a '(__fish_complete_directories)' -d 'where in it (default: /usr/local)'
complete -c pymodeswitch -n '__fish_seen_subcommand_from system; and __fish_seen_subcommand_from install' -l rules-dir -x -a '(__fish_complete_directories)' -d 'where udev\'s rules are, if not there'
complete -c pymodeswitch -n '__fish_seen_subcommand_from system; and __fish_seen_subcommand_from install' -l unit-dir -x -a '(__fish_complete_directories)' -d 'where systemd\'s units are, if not there'
complete -c pymodeswitch -n '__fish_seen_subcommand_from system; and __fish_seen_subcommand_from install' -l package -d 'for packagers, with --root: nothing is enabled, no list is kept'
complete -c pymodeswitch -n '__fish_seen_subcommand_from system; and __fish_seen_subcommand_from install' -l command -x -d 'how pymodeswitch is started there'
complete -c pymodeswitch -n '__fish_seen_subcommand_from system; and __fish_seen_subcommand_from install' -l dry-run -d 'show what would be done, do nothing'
complete -c pymodeswitch -n '__fish_seen_subcommand_from system; and __fish_seen_subcommand_from install' -l force -d 'also files that others have changed'
complete -c pymodeswitch -n '__fish_seen_subcommand_from system; and __fish_seen_subcommand_from install' -l json -d 'print one JSON object'
complete -c pymodeswitch -n '__fish_seen_subcommand_from system; and __fish_seen_subcommand_from install' -s v -l verbose -d 'say what is done, and why'
complete -c pymodeswitch -n '__fish_seen_subcommand_from system; and __fish_seen_subcommand_from install' -s q -l quiet -d 'print only errors'
complete -c pymodeswitch -n '__fish_seen_subcommand_from system; and not __fish_seen_subcommand_from install check uninstall' -a check -d 'compare what is installed with what would be installed now'
complete -c pymodeswitch -n '__fish_seen_subcommand_from system; and __fish_seen_subcommand_from check' -s h -l help -d 'show this help message and exit'
complete -c pymodeswitch -n '__fish_seen_subcommand_from system; and __fish_seen_subcommand_from check' -l root -x -a '(__fish_complete_directories)' -d 'the folder that stands for /'
complete -c pymodeswitch -n '__fish_seen_subcommand_from system; and __fish_seen_subcommand_from check' -l prefix -x -a '(__fish_complete_directories)' -d 'where in it (default: /usr/local)'
complete -c pymodeswitch -n '__fish_seen_subcommand_from system; and __fish_seen_subcommand_from check' -l rules-dir -x -a '(__fish_complete_directories)' -d 'where udev\'s rules are, if not there'
complete -c pymodeswitch -n '__fish_seen_subcommand_from system; and __fish_seen_subcommand_from check' -l unit-dir -x -a '(__fish_complete_directories)' -d 'where systemd\'s units are, if not there'
complete -c pymodeswitch -n '__fish_seen_subcommand_from system; and __fish_seen_subcommand_from check' -l command -x -d 'how pymodeswitch is started there'
complete -c pymodeswitch -n '__fish_seen_subcommand_from system; and __fish_seen_subcommand_from check' -l json -d 'print one JSON object'
complete -c pymodeswitch -n '__fish_seen_subcommand_from system; and __fish_seen_subcommand_from check' -s v -l verbose -d 'say what is done, and why'
complete -c pymodeswitch -n '__fish_seen_subcommand_from system; and __fish_seen_subcommand_from check' -s q -l quiet -d 'print only errors'
complete -c pymodeswitch -n '__fish_seen_subcommand_from system; and not __fish_seen_subcommand_from install check uninstall' -a uninstall -d 'remove what was installed'
complete -c pymodeswitch -n '__fish_seen_subcommand_from system; and __fish_seen_subcommand_from uninstall' -s h -l help -d 'show this help message and exit'
complete -c pymodeswitch -n '__fish_seen_subcommand_from system; and __fish_seen_subcommand_from uninstall' -l root -x -a '(__fish_complete_directories)' -d 'the folder that stands for /'
complete -c pymodeswitch -n '__fish_seen_subcommand_from system; and __fish_seen_subcommand_from uninstall' -l prefix -x -a '(__fish_complete_directories)' -d 'where in it (default: /usr/local)'
complete -c pymodeswitch -n '__fish_seen_subcommand_from system; and __fish_seen_subcommand_from uninstall' -l rules-dir -x -a '(__fish_complete_directories)' -d 'where udev\'s rules are, if not there'
complete -c pymodeswitch -n '__fish_seen_subcommand_from system; and __fish_seen_subcommand_from uninstall' -l unit-dir -x -a '(__fish_complete_directories)' -d 'where systemd\'s units are, if not there'
complete -c pymodeswitch -n '__fish_seen_subcommand_from system; and __fish_seen_subcommand_from uninstall' -l dry-run -d 'show what would be done, do nothing'
complete -c pymodeswitch -n '__fish_seen_subcommand_from system; and __fish_seen_subcommand_from uninstall' -l force -d 'also files that others have changed'
complete -c pymodeswitch -n '__fish_seen_subcommand_from system; and __fish_seen_subcommand_from uninstall' -l json -d 'print one JSON object'
complete -c pymodeswitch -n '__fish_seen_subcommand_from system; and __fish_seen_subcommand_from uninstall' -s v -l verbose -d 'say what is done, and why'
complete -c pymodeswitch -n '__fish_seen_subcommand_from system; and __fish_seen_subcommand_from uninstall' -s q -l quiet -d 'print only errors'
complete -c pymodeswitch -n '__fish_use_subcommand' -a modem -d 'ask a switched modem how it is, and say what cures it; print what to dial with'
complete -c pymodeswitch -n '__fish_seen_subcommand_from modem' -s h -l help -d 'show this help message and exit'
complete -c pymodeswitch -n '__fish_seen_subcommand_from modem' -l conf -x -a 'wvdial pppd nmcli' -d 'print what to write down for dialling; ask nothing'
complete -c pymodeswitch -n '__fish_seen_subcommand_from modem' -l apn -x -d 'with --conf: the name of the operator\'s access point'
complete -c pymodeswitch -n '__fish_seen_subcommand_from modem' -l user -x -d 'with --conf: the user name, where the operator wants one'
complete -c pymodeswitch -n '__fish_seen_subcommand_from modem' -l password -x -d 'with --conf: the password'
complete -c pymodeswitch -n '__fish_seen_subcommand_from modem' -l data -x -a '(__fish_complete_directories)' -d 'a folder looked at first'
complete -c pymodeswitch -n '__fish_seen_subcommand_from modem' -l json -d 'print one JSON object'
complete -c pymodeswitch -n '__fish_seen_subcommand_from modem' -s v -l verbose -d 'say what is done, and why'
complete -c pymodeswitch -n '__fish_seen_subcommand_from modem' -s q -l quiet -d 'print only errors'
complete -c pymodeswitch -n '__fish_use_subcommand' -a doctor -d 'say what is wrong, and what cures it'
complete -c pymodeswitch -n '__fish_seen_subcommand_from doctor' -s h -l help -d 'show this help message and exit'
complete -c pymodeswitch -n '__fish_seen_subcommand_from doctor' -l port -x -a '(__pymodeswitch_ports)' -d 'the device on this port, such as 1-1.2, whatever it is'
complete -c pymodeswitch -n '__fish_seen_subcommand_from doctor' -l report -d 'print a report on the stick, too (see report)'
complete -c pymodeswitch -n '__fish_seen_subcommand_from doctor' -l data -x -a '(__fish_complete_directories)' -d 'a folder looked at first'
complete -c pymodeswitch -n '__fish_seen_subcommand_from doctor' -l json -d 'print one JSON object'
complete -c pymodeswitch -n '__fish_seen_subcommand_from doctor' -s v -l verbose -d 'say what is done, and why'
complete -c pymodeswitch -n '__fish_seen_subcommand_from doctor' -s q -l quiet -d 'print only errors'
complete -c pymodeswitch -n '__fish_seen_subcommand_from doctor' -a '(__pymodeswitch_ids)'
complete -c pymodeswitch -n '__fish_use_subcommand' -a learn -d 'a device file from a capture of the switch'
complete -c pymodeswitch -n '__fish_seen_subcommand_from learn' -s h -l help -d 'show this help message and exit'
complete -c pymodeswitch -n '__fish_seen_subcommand_from learn' -l id -x -a '(__pymodeswitch_ids)' -d 'the stick\'s ID before the switch, where the capture does not show it'
complete -c pymodeswitch -n '__fish_seen_subcommand_from learn' -l target -x -a '(__pymodeswitch_ids)' -d 'its ID after the switch, where the capture does not show it'
complete -c pymodeswitch -n '__fish_seen_subcommand_from learn' -l record -x -a '(__pymodeswitch_ports)' -d 'record this port by usbmon, then learn (Linux, root)'
complete -c pymodeswitch -n '__fish_seen_subcommand_from learn' -l to -r -F -d 'where the recording goes (default: PORT.pcap)'
complete -c pymodeswitch -n '__fish_seen_subcommand_from learn' -l seconds -x -d 'record for so long at most'
complete -c pymodeswitch -n '__fish_seen_subcommand_from learn' -l write -x -a '(__fish_complete_directories)' -d 'write what was learned into this folder, too'
complete -c pymodeswitch -n '__fish_seen_subcommand_from learn' -l data -x -a '(__fish_complete_directories)' -d 'a folder looked at first'
complete -c pymodeswitch -n '__fish_seen_subcommand_from learn' -l json -d 'print one JSON object'
complete -c pymodeswitch -n '__fish_seen_subcommand_from learn' -s v -l verbose -d 'say what is done, and why'
complete -c pymodeswitch -n '__fish_seen_subcommand_from learn' -s q -l quiet -d 'print only errors'
complete -c pymodeswitch -n '__fish_use_subcommand' -a try -d 'find out what switches an unknown stick, one step after the other'
complete -c pymodeswitch -n '__fish_seen_subcommand_from try' -s h -l help -d 'show this help message and exit'
complete -c pymodeswitch -n '__fish_seen_subcommand_from try' -l port -x -a '(__pymodeswitch_ports)' -d 'the stick on this port, such as 1-1.2'
complete -c pymodeswitch -n '__fish_seen_subcommand_from try' -l serial -x -d 'the stick with this serial number (see list -v)'
complete -c pymodeswitch -n '__fish_seen_subcommand_from try' -l yes -d 'do the harmless steps without a question'
complete -c pymodeswitch -n '__fish_seen_subcommand_from try' -l yes-really -d 'go on though it looks like a drive that holds data'
complete -c pymodeswitch -n '__fish_seen_subcommand_from try' -l dry-run -d 'show the steps, send nothing'
complete -c pymodeswitch -n '__fish_seen_subcommand_from try' -l data -x -a '(__fish_complete_directories)' -d 'a folder looked at first'
complete -c pymodeswitch -n '__fish_seen_subcommand_from try' -l json -d 'print one JSON object'
complete -c pymodeswitch -n '__fish_seen_subcommand_from try' -s v -l verbose -d 'say what is done, and why'
complete -c pymodeswitch -n '__fish_seen_subcommand_from try' -s q -l quiet -d 'print only errors'
complete -c pymodeswitch -n '__fish_seen_subcommand_from try' -a '(__pymodeswitch_ids)'
complete -c pymodeswitch -n '__fish_use_subcommand' -a report -d 'what to tell us of a stick, as a block of text'
complete -c pymodeswitch -n '__fish_seen_subcommand_from report' -s h -l help -d 'show this help message and exit'
complete -c pymodeswitch -n '__fish_seen_subcommand_from report' -l port -x -a '(__pymodeswitch_ports)' -d 'the device on this port, such as 1-1.2'
complete -c pymodeswitch -n '__fish_seen_subcommand_from report' -l serial -x -d 'the stick with this serial number (see list -v)'
complete -c pymodeswitch -n '__fish_seen_subcommand_from report' -l data -x -a '(__fish_complete_directories)' -d 'a folder looked at first'
complete -c pymodeswitch -n '__fish_seen_subcommand_from report' -l json -d 'print one JSON object'
complete -c pymodeswitch -n '__fish_seen_subcommand_from report' -s v -l verbose -d 'say what is done, and why'
complete -c pymodeswitch -n '__fish_seen_subcommand_from report' -s q -l quiet -d 'print only errors'
complete -c pymodeswitch -n '__fish_seen_subcommand_from report' -a '(__pymodeswitch_ids)'
