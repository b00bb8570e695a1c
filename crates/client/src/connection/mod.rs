//! One TCP connection: requests in, responses out, in order.
