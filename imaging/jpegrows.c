#include "jpegrows.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

enum { MORE_SCANS = -1 };  // longjmp's value; libjpeg's message codes are positive

struct jpegrows {
  struct jpeg_decompress_struct info;
  struct jpeg_error_mgr errors;
  struct jpeg_source_mgr source;
  struct jpeg_progress_mgr progress;
  jmp_buf failed;
  int max_scans;
  int has_header;
  unsigned char *bytes;  // source.next_input_byte points into it
  size_t capacity;
  size_t skip;  // bytes that are to be skipped before the next piece
  unsigned char *cmyk;
  int rows;  // of the call of jpegrows_next that is not done
};

static jpegrows *of(j_common_ptr info) { return (jpegrows *)info->client_data; }

static void on_error(j_common_ptr info) { longjmp(of(info)->failed, info->err->msg_code ? info->err->msg_code : JERR_BAD_LENGTH); }

// As OpenCV does, warnings about damaged scan data are ignored.
static void on_message(j_common_ptr info, int level) { (void)info, (void)level; }

// A small file can have thousands of scans, each over the whole image.
static void on_progress(j_common_ptr info) {
  if (((j_decompress_ptr)info)->input_scan_number > of(info)->max_scans) longjmp(of(info)->failed, MORE_SCANS);
}

static void source_begin(j_decompress_ptr info) { (void)info; }
static void source_end(j_decompress_ptr info) { (void)info; }
static boolean source_fill(j_decompress_ptr info) { (void)info; return FALSE; }  // suspends

static void source_skip(j_decompress_ptr info, long n) {
  if (n <= 0) return;
  struct jpeg_source_mgr *s = info->src;
  size_t here = (size_t)n < s->bytes_in_buffer ? (size_t)n : s->bytes_in_buffer;
  s->next_input_byte += here;
  s->bytes_in_buffer -= here;
  of((j_common_ptr)info)->skip += (size_t)n - here;
}

static int code(int jumped) {
  switch (jumped) {
    case MORE_SCANS: return JPEGROWS_SCANS;
    case JERR_OUT_OF_MEMORY:
    case JERR_NO_BACKING_STORE: return JPEGROWS_MEMORY;
  }
  return JPEGROWS_CORRUPT;
}

jpegrows *jpegrows_new(int max_scans, long max_memory) {
  jpegrows *j = calloc(1, sizeof *j);
  if (!j) return NULL;
  j->info.err = jpeg_std_error(&j->errors);
  j->errors.error_exit = on_error;
  j->errors.emit_message = on_message;
  j->info.client_data = j;
  if (setjmp(j->failed)) {
    jpegrows_free(j);
    return NULL;
  }
  jpeg_create_decompress(&j->info);
  j->info.mem->max_memory_to_use = max_memory;
  j->max_scans = max_scans;
  j->progress.progress_monitor = on_progress;
  j->info.progress = &j->progress;
  j->source.init_source = source_begin;
  j->source.fill_input_buffer = source_fill;
  j->source.skip_input_data = source_skip;
  j->source.resync_to_restart = jpeg_resync_to_restart;
  j->source.term_source = source_end;
  j->info.src = &j->source;
  return j;
}

void jpegrows_free(jpegrows *j) {
  jpeg_destroy_decompress(&j->info);
  free(j->bytes);
  free(j->cmyk);
  free(j);
}

int jpegrows_feed(jpegrows *j, const unsigned char *data, size_t n) {
  size_t skip = j->skip < n ? j->skip : n;
  j->skip -= skip;
  data += skip;
  n -= skip;
  size_t left = j->source.bytes_in_buffer;
  if (left > 0) memmove(j->bytes, j->source.next_input_byte, left);
  if (left + n > j->capacity) {
    unsigned char *grown = realloc(j->bytes, left + n);
    if (!grown) return 0;
    j->bytes = grown;
    j->capacity = left + n;
  }
  if (n > 0) memcpy(j->bytes + left, data, n);
  j->source.next_input_byte = j->bytes;
  j->source.bytes_in_buffer = left + n;
  return 1;
}

int jpegrows_start(jpegrows *j, int divisor, int *width, int *height) {
  int jumped = setjmp(j->failed);
  if (jumped) return code(jumped);
  if (!j->has_header) {
    if (jpeg_read_header(&j->info, TRUE) == JPEG_SUSPENDED) return JPEGROWS_MORE;
    j->has_header = 1;
    j->info.scale_num = 1;
    j->info.scale_denom = (unsigned)divisor;
    j->info.out_color_space = j->info.num_components == 4 ? JCS_CMYK : JCS_EXT_BGR;
  }
  if (!jpeg_start_decompress(&j->info)) return JPEGROWS_MORE;
  if (j->info.num_components == 4 && !j->cmyk) {
    j->cmyk = malloc((size_t)j->info.output_width * 4);
    if (!j->cmyk) return JPEGROWS_MEMORY;
  }
  *width = (int)j->info.output_width;
  *height = (int)j->info.output_height;
  return JPEGROWS_DONE;
}

// OpenCV's conversion, of inverted inks as Adobe's programs store them.
static void to_bgr(unsigned char *bgr, const unsigned char *cmyk, int width) {
  for (; width > 0; width--, bgr += 3, cmyk += 4) {
    int k = cmyk[3];
    bgr[0] = (unsigned char)(k - ((255 - cmyk[2]) * k >> 8));
    bgr[1] = (unsigned char)(k - ((255 - cmyk[1]) * k >> 8));
    bgr[2] = (unsigned char)(k - ((255 - cmyk[0]) * k >> 8));
  }
}

int jpegrows_next(jpegrows *j, unsigned char *bgr, int n) {
  int jumped = setjmp(j->failed);
  if (jumped) return code(jumped);
  size_t width = j->info.output_width;
  for (; j->rows < n; j->rows++) {
    unsigned char *to = bgr + (size_t)j->rows * width * 3;
    JSAMPROW row = j->cmyk ? j->cmyk : to;
    if (jpeg_read_scanlines(&j->info, &row, 1) != 1) return JPEGROWS_MORE;
    if (j->cmyk) to_bgr(to, j->cmyk, (int)width);
  }
  j->rows = 0;
  return JPEGROWS_DONE;
}

int jpegrows_finish(jpegrows *j) {
  int jumped = setjmp(j->failed);
  if (jumped) return code(jumped);
  return jpeg_finish_decompress(&j->info) ? JPEGROWS_DONE : JPEGROWS_MORE;
}
