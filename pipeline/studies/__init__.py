"""The measurements of studies: of supernets, tables, known games and trainings."""
