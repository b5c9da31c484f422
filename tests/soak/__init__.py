"""Long life: `python -m tests.soak` switches virtual sticks thousands of times, and looks at what grows."""
