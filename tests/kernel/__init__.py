"""The real-kernel rig: virtual sticks on a real Linux kernel, without hardware."""
