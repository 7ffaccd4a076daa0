"""The measurements of studies: supernets, the NAS-Bench-201 table, and trainings."""
