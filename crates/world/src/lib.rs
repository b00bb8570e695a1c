//! What Ottla touches: clock, disk and randomness, behind traits.
