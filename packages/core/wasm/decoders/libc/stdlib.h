// What arena.c has of C's library; nothing else is to be had.
#pragma once
#include <stddef.h>
void *malloc(size_t bytes);
void *calloc(size_t count, size_t size);
void free(void *start);
int abs(int value);
