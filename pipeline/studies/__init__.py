"""Measurements of studies: of supernets, of the NAS-Bench-201 table and of short trainings."""
