// Memory of one decoder, and how it gives up. A picture at a time: what one took is free for the next at once.
#pragma once
#include <stddef.h>
#include <stdint.h>

// What `failure` says after a trap; 0 when nobody gave up.
enum { DAMAGED = 1, SHORT_OF_MEMORY = 2 };

// Ends in a trap. The instance is in no state to go on: whoever called throws it away.
_Noreturn void give_up(int why);

// Address of so many bytes on a boundary of 16, or NULL.
void *take(size_t bytes);
