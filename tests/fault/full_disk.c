/* A disk that becomes full: preloaded before libc, it lets every call that takes space fail from the n-th on, with
 * ENOSPC. All of the process goes through it: Python's own calls, SQLite's, and those of extensions. Nothing fails
 * before full_disk_begin() is called, and never a pipe, a socket or a terminal. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static atomic_int calls, first, last;

/* Let the calls from number `from` to number `to` fail. */
void full_disk_begin(int from, int to) {
    last = to;
    calls = 0;
    first = from;
}

/* How many calls there were that take space. */
int full_disk_calls(void) { return calls; }

static int is_full(int *number) {
    if (!first) return 0;
    *number = ++calls;
    return *number >= first && *number <= last;
}

static int refuse(void) {
    int number;
    if (!is_full(&number)) return 0;
    errno = ENOSPC;
    return 1;
}

static int is_file(int descriptor) {
    struct stat found;
    return fstat(descriptor, &found) == 0 && S_ISREG(found.st_mode);
}

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

/* The first write that does not fit is written in part, as a disk does it; those after it are refused. */
#define WRITE(name, position, ...)                                                              \
    ssize_t name(int descriptor, const void *data, size_t length position) {                    \
        REAL(name);                                                                             \
        int number;                                                                             \
        if (!is_file(descriptor) || !is_full(&number)) return real(descriptor, data, length __VA_ARGS__); \
        if (number == first && last > first && length > 1) return real(descriptor, data, length / 2 __VA_ARGS__); \
        errno = ENOSPC;                                                                         \
        return -1;                                                                              \
    }
#define COMMA ,
WRITE(write, )
WRITE(pwrite, COMMA off_t offset, COMMA offset)
WRITE(pwrite64, COMMA off64_t offset, COMMA offset)

#define CALL(name, parameters, arguments) \
    int name parameters {                 \
        REAL(name);                       \
        return refuse() ? -1 : real arguments; \
    }
CALL(mkdir, (const char *path, mode_t mode), (path, mode))
CALL(mkdirat, (int folder, const char *path, mode_t mode), (folder, path, mode))
CALL(link, (const char *from, const char *to), (from, to))
CALL(linkat, (int a, const char *from, int b, const char *to, int flags), (a, from, b, to, flags))
CALL(rename, (const char *from, const char *to), (from, to))
CALL(renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
CALL(ftruncate, (int descriptor, off_t length), (descriptor, length))
CALL(ftruncate64, (int descriptor, off64_t length), (descriptor, length))
CALL(fsync, (int descriptor), (descriptor))
CALL(fdatasync, (int descriptor), (descriptor))
CALL(syncfs, (int descriptor), (descriptor))

/* While the disk is full, it says so. */
#define STATVFS(name, type)                                          \
    int name(const char *path, struct type *found) {                 \
        REAL(name);                                                  \
        int result = real(path, found);                              \
        if (first && calls >= first && calls < last) found->f_bfree = found->f_bavail = 0; \
        return result;                                               \
    }
STATVFS(statvfs, statvfs)
STATVFS(statvfs64, statvfs64)

/* Opening takes space when it makes a file. */
#define OPEN(name, folder_parameter, folder, at)                                      \
    int name(folder_parameter const char *path, int flags, ...) {                     \
        va_list rest;                                                                 \
        va_start(rest, flags);                                                        \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;       \
        va_end(rest);                                                                 \
        REAL(name);                                                                   \
        int makes = flags & O_CREAT && faccessat(at, path, F_OK, AT_SYMLINK_NOFOLLOW); \
        return makes && refuse() ? -1 : real(folder path, flags, mode);               \
    }
OPEN(open, , , AT_FDCWD)
OPEN(open64, , , AT_FDCWD)
OPEN(openat, int folder COMMA, folder COMMA, folder)
OPEN(openat64, int folder COMMA, folder COMMA, folder)
