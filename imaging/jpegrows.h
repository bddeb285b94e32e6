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

// Returns NULL if there is no memory.
jpegrows *jpegrows_new(int max_scans, long max_memory);
void jpegrows_free(jpegrows *j);

// Copies n bytes, the next ones of the file. Returns 0 if there is no memory.
int jpegrows_feed(jpegrows *j, const unsigned char *data, size_t n);

// Reads the header and, of a progressive JPEG, all coefficients.
int jpegrows_start(jpegrows *j, int *width, int *height);

// Decodes the next row to width * 3 bytes, as blue, green, red.
int jpegrows_next(jpegrows *j, unsigned char *bgr);

// Reads to the end-of-image marker. Call it after the last row.
int jpegrows_finish(jpegrows *j);

#endif
