/* Included before every source file on Linux with glibc. Newer glibc versions gave these functions new symbol versions (threads moved
 * into libc in 2.34, faster expf and friends came in 2.27, errno-free exp and friends in 2.29); a library linked on a new system would then not
 * load on an older one. The old versions take the same arguments and give results of the same quality, so bind to those.
 * tests/native/check_glibc.sh holds the library to the floor. */
#ifndef SETUN_GLIBC_FLOOR_H
#define SETUN_GLIBC_FLOOR_H

#if defined(__x86_64__)
#define SETUN_FIRST_GLIBC "GLIBC_2.2.5"
#elif defined(__aarch64__)
#define SETUN_FIRST_GLIBC "GLIBC_2.17"
#endif

#if defined(SETUN_FIRST_GLIBC)
#define SETUN_OLD(name) __asm__(".symver " #name "," #name "@" SETUN_FIRST_GLIBC);
SETUN_OLD(pthread_create)
SETUN_OLD(pthread_join)
SETUN_OLD(pthread_once)
SETUN_OLD(pthread_key_create)
SETUN_OLD(pthread_getspecific)
SETUN_OLD(pthread_setspecific)
SETUN_OLD(exp)
SETUN_OLD(expf)
SETUN_OLD(exp2)
SETUN_OLD(exp2f)
SETUN_OLD(log)
SETUN_OLD(logf)
SETUN_OLD(log2)
SETUN_OLD(log2f)
SETUN_OLD(pow)
SETUN_OLD(powf)
SETUN_OLD(sinf)
SETUN_OLD(cosf)
SETUN_OLD(sincosf)
#endif

#endif
