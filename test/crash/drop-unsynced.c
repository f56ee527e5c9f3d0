/*
 * Preloaded into a process that is then killed, this makes writes that were not synced vanish, as a power cut does. Before
 * each change of a tracked file the old content goes to an undo journal, which a sync of that file empties; after the kill
 * `unsynced-writes.ts` plays the journals back.
 *
 * UNSYNCED_FOLDER   files below it are tracked, except the shared-memory files of SQLite, which no crash keeps
 * UNSYNCED_JOURNAL  an existing folder outside of it for the journals
 *
 * A journal is the path, a zero byte, then records: offset, old length at that offset, old file size (8 bytes each, this
 * machine's order), and the old bytes. The last record may be torn: its change did not happen then.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_FILES 1024
#define MAX_FDS 65536

struct tracked {
  char path[PATH_MAX];
  int journal;
  off_t header;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tracked *files[MAX_FILES];
static int file_count;
static int file_of_fd[MAX_FDS]; /* index + 1 */

static int (*real_open)(const char *, int, ...);
static int (*real_openat)(int, const char *, int, ...);
static int (*real_close)(int);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_pread)(int, void *, size_t, off_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);

__attribute__((constructor)) static void resolve(void) {
  real_open = dlsym(RTLD_NEXT, "open");
  real_openat = dlsym(RTLD_NEXT, "openat");
  real_close = dlsym(RTLD_NEXT, "close");
  real_write = dlsym(RTLD_NEXT, "write");
  real_pwrite = dlsym(RTLD_NEXT, "pwrite");
  real_pread = dlsym(RTLD_NEXT, "pread");
  real_ftruncate = dlsym(RTLD_NEXT, "ftruncate");
  real_fsync = dlsym(RTLD_NEXT, "fsync");
  real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
}

static void fail(const char *what) {
  fprintf(stderr, "drop-unsynced: %s: %s\n", what, strerror(errno));
  abort();
}

static int is_tracked_path(const char *path, char *absolute) {
  const char *folder = getenv("UNSYNCED_FOLDER");
  if (folder == NULL || getenv("UNSYNCED_JOURNAL") == NULL) return 0;
  if (realpath(path, absolute) == NULL) return 0;
  size_t length = strlen(folder), total = strlen(absolute);
  if (strncmp(absolute, folder, length) != 0 || absolute[length] != '/') return 0;
  return total < 4 || strcmp(absolute + total - 4, "-shm") != 0;
}

/* With the lock held. */
static int file_index(const char *absolute) {
  for (int i = 0; i < file_count; i++)
    if (strcmp(files[i]->path, absolute) == 0) return i;
  if (file_count == MAX_FILES) {
    errno = EMFILE;
    fail("too many files");
  }
  struct tracked *file = malloc(sizeof *file);
  snprintf(file->path, sizeof file->path, "%s", absolute);
  char name[PATH_MAX + 64];
  snprintf(name, sizeof name, "%s/%d-%d.undo", getenv("UNSYNCED_JOURNAL"), (int)getpid(), file_count);
  file->journal = real_open(name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
  if (file->journal < 0) fail(name);
  file->header = (off_t)strlen(absolute) + 1;
  if (real_write(file->journal, absolute, (size_t)file->header) != file->header) fail(name);
  files[file_count] = file;
  return file_count++;
}

static void track(int fd, const char *path, int flags) {
  char absolute[PATH_MAX];
  struct stat info;
  if (fd < 0 || fd >= MAX_FDS) return;
  int known = is_tracked_path(path, absolute) && fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
  pthread_mutex_lock(&lock);
  file_of_fd[fd] = known && (flags & O_ACCMODE) != O_RDONLY ? file_index(absolute) + 1 : 0;
  pthread_mutex_unlock(&lock);
}

static struct tracked *tracked(int fd) {
  if (fd < 0 || fd >= MAX_FDS || file_of_fd[fd] == 0) return NULL;
  return files[file_of_fd[fd] - 1];
}

/* With the lock held: keeps what is at [offset, offset + length) now, and the size. */
static void remember(int fd, struct tracked *file, off_t offset, size_t length) {
  struct stat info;
  if (fstat(fd, &info) != 0) fail("fstat");
  uint64_t old = 0;
  if (offset < info.st_size) old = (uint64_t)(info.st_size - offset) < length ? (uint64_t)(info.st_size - offset) : length;
  size_t total = 3 * sizeof(uint64_t) + old;
  char *record = malloc(total);
  uint64_t head[3] = {(uint64_t)offset, old, (uint64_t)info.st_size};
  memcpy(record, head, sizeof head);
  /* The descriptor may be write-only, so the old bytes are read through one of our own. */
  int reader = old == 0 ? -1 : real_open(file->path, O_RDONLY | O_CLOEXEC);
  if (old > 0 && (reader < 0 || real_pread(reader, record + sizeof head, old, offset) != (ssize_t)old)) fail("old bytes");
  if (reader >= 0) real_close(reader);
  if (real_write(file->journal, record, total) != (ssize_t)total) fail("journal");
  free(record);
}

static void forget(struct tracked *file) {
  if (real_ftruncate(file->journal, file->header) != 0) fail("journal");
  if (lseek(file->journal, file->header, SEEK_SET) < 0) fail("journal");
}

static int open_and_track(const char *path, int flags, mode_t mode) {
  int fd = real_open(path, flags & ~O_TRUNC, mode);
  track(fd, path, flags);
  if (fd >= 0 && (flags & O_TRUNC) && ftruncate(fd, 0) != 0) {
    real_close(fd);
    return -1;
  }
  return fd;
}

int open(const char *path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return open_and_track(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return open_and_track(path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  if (folder == AT_FDCWD || path[0] == '/') return open_and_track(path, flags, mode);
  return real_openat(folder, path, flags, mode);
}

int close(int fd) {
  if (fd >= 0 && fd < MAX_FDS) file_of_fd[fd] = 0;
  return real_close(fd);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  struct tracked *file = tracked(fd);
  if (file == NULL) return real_pwrite(fd, bytes, length, offset);
  pthread_mutex_lock(&lock);
  remember(fd, file, offset, length);
  ssize_t done = real_pwrite(fd, bytes, length, offset);
  pthread_mutex_unlock(&lock);
  return done;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) {
  return pwrite(fd, bytes, length, offset);
}

ssize_t write(int fd, const void *bytes, size_t length) {
  struct tracked *file = tracked(fd);
  if (file == NULL) return real_write(fd, bytes, length);
  pthread_mutex_lock(&lock);
  int appends = fcntl(fd, F_GETFL) & O_APPEND;
  remember(fd, file, lseek(fd, 0, appends ? SEEK_END : SEEK_CUR), length);
  ssize_t done = real_write(fd, bytes, length);
  pthread_mutex_unlock(&lock);
  return done;
}

int ftruncate(int fd, off_t size) {
  struct tracked *file = tracked(fd);
  if (file == NULL) return real_ftruncate(fd, size);
  struct stat info;
  pthread_mutex_lock(&lock);
  if (fstat(fd, &info) != 0) fail("fstat");
  remember(fd, file, size, size < info.st_size ? (size_t)(info.st_size - size) : 0);
  int done = real_ftruncate(fd, size);
  pthread_mutex_unlock(&lock);
  return done;
}

int ftruncate64(int fd, off_t size) { return ftruncate(fd, size); }

static int synced(int fd, int (*real)(int)) {
  struct tracked *file = tracked(fd);
  if (file == NULL) return real(fd);
  pthread_mutex_lock(&lock);
  int done = real(fd);
  if (done == 0 && getenv("UNSYNCED_IN_VAIN") == NULL) forget(file);
  pthread_mutex_unlock(&lock);
  return done;
}

int fsync(int fd) { return synced(fd, real_fsync); }
int fdatasync(int fd) { return synced(fd, real_fdatasync); }
