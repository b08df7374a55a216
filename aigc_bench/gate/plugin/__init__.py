"""A folder that is put on a side's PYTHONPATH: nothing lies here that could stand for a module of somebody else's."""
