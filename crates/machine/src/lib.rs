//! Decide, apply, wait: the loop that every coordinator and the controller run on.
