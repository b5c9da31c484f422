"""An unknown stick: what a capture of its switch tells, a guided try, and a report for an issue.

    learn.py        from the path of a capture to lessons
    captures.py     what kind of file it is; containers.py (pcap, pcapng, gzip), and the records in it:
                    usbmon.py, usbmon_text.py, usbpcap.py, sniffusb.py
    packets.py      what they all give: one transfer that is asked for, or its answer
    stays.py        the sticks in it, from their coming to their leaving; bus.py follows the traffic
    inference.py    which command switched which stick; commands.py (what every system sends),
                    returns.py (what came back), recognition.py (methods with a name), doubts.py (how sure),
                    known.py (what the catalogue has), replay.py (the proof, on a virtual stick)
    lesson.py       the answer, as a device file that says why
    recording.py    a capture by usbmon
    ladder.py       what to try on an unknown stick, in which order
    checks.py       before that: which stick is meant, and whether it is a drive (drive.py)
    trying.py       the guided try
    facts.py        the report; privacy.py says what may stand in it

Imports switching, virtual and below. What switches is sent by `switch()` alone; `drive.py`
asks a stick what it is.
"""
