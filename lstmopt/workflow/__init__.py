"""The main job and what is done with a finished run."""
