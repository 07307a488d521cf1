/* Macros that windows.h, X11, curses, Arduino and old compilers bring along, in one file. Whoever includes them before
   diffkit.h has nothing to fear: no name of it is one of these. */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* windows.h and what it includes */
#define min(a, b) (((a) < (b)) ? (a) : (b))
#define max(a, b) (((a) > (b)) ? (a) : (b))
#define near
#define far
#define NEAR near
#define FAR far
#define small char
#define hyper __int64
#define interface struct
#define cdecl
#define pascal
#define CONST const
#define VOID void
#define IN
#define OUT
#define OPTIONAL
#define ERROR 0
#define NO_ERROR 0L
#define TRUE 1
#define FALSE 0
#define DELETE (0x00010000L)
#define STRICT 1
#define ABSOLUTE 1
#define RELATIVE 2
#define OPAQUE 2
#define TRANSPARENT 1
#define INFINITE 0xFFFFFFFF
#define MAX_PATH 260
#define GetObject GetObjectW
#define Yield()
#define rad1 0x0490
#define grp1 0x0430

/* X.h, Xlib.h */
#define None 0L
#define Bool int
#define Status int
#define True 1
#define False 0
#define Success 0
#define Always 2
#define Above 0
#define Below 1
#define Complex 0
#define Convex 2
#define Unsorted 0
#define CurrentTime 0L
#define KeyPress 2
#define Expose 12

/* curses.h, termios.h, sys/sysmacros.h, math.h with System V's names, gnu modes */
#define clear() 0
#define erase() 0
#define move(y, x) 0
#define filter() 0
#define timeout(n) 0
#define scroll(w) 0
#define B0 0000000
#define ECHO 0000010
#define major(d) ((d) >> 8)
#define minor(d) ((d) & 255)
#define DOMAIN 1
#define OVERFLOW 3
#define UNDERFLOW 4
#define linux 1
#define unix 1

/* Arduino and friends; single letters that people define */
#define abs(x) ((x) > 0 ? (x) : -(x))
#define round(x) ((long)((x) + 0.5))
#define bit(b) (1UL << (b))
#define sq(x) ((x) * (x))
#define constrain(v, low, high) (v)
#define DEFAULT 1
#define PI 3.14159
#define EULER 2.71828
#define F(text) (text)
#define ok 0
#define fail(x) x
#define check(x) x
#define require(x) x
#define verify(x) x

#endif
