"""The machine: processors, clocks, processes, files, the stage cache, downloads."""
