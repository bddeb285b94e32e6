#ifndef SCALENET_JPEGROWS_H
#define SCALENET_JPEGROWS_H

#include <stddef.h>

// jpegrows decodes a JPEG row by row with libjpeg-turbo. The caller feeds the file's bytes in pieces.
typedef struct jpegrows jpegrows;

enum {
  JPEGROWS_MORE = 0,     // feed more bytes and call again
  JPEGROWS_DONE = 1,
  JPEGROWS_CORRUPT = -1,
  JPEGROWS_MEMORY = -2,  // the image needs more than max_memory bytes, or malloc failed
  JPEGROWS_SCANS = -3,   // more than max_scans scans
};

// Returns NULL if there is no memory. With max_memory 0, an image may take any memory.
jpegrows *jpegrows_new(int max_scans, long max_memory);
void jpegrows_free(jpegrows *j);

// Copies n bytes, the next ones of the file. Returns 0 if there is no memory.
int jpegrows_feed(jpegrows *j, const unsigned char *data, size_t n);

// Reads the header and, of a progressive JPEG, all coefficients. The sides of the image are divided by 1, 2, 4 or 8.
int jpegrows_start(jpegrows *j, int divisor, int *width, int *height);

// Decodes the next n rows to n * width * 3 bytes, as blue, green, red. After JPEGROWS_MORE, call it again with the same arguments.
int jpegrows_next(jpegrows *j, unsigned char *bgr, int n);

// Reads to the end-of-image marker. Call it after the last row.
int jpegrows_finish(jpegrows *j);

#endif
