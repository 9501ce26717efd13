// libjpeg-turbo. Its errors longjmp to the setjmp of the two functions below, whose frames hold
// nothing that would have to be destroyed: all state lives in Jpeg, which the caller owns.
#include <jpeglib.h>
#include <setjmp.h>
#include <stdio.h>
// jerror.h reads its list only after jpeglib.h.
#include <jerror.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "dataset/image_formats.h"

namespace dataset {

namespace {

// A progressive file may hold any number of scans, each a pass over the whole image: a bomb of
// another kind. Encoders write about ten.
constexpr int kMaxScans = 100;

struct Jpeg {
  jpeg_decompress_struct info;
  jpeg_error_mgr errors;
  jpeg_progress_mgr progress;
  jmp_buf escape;
  char message[JMSG_LENGTH_MAX];
  int code;        // of the error that ended it, 0 none
  bool truncated;  // libjpeg would have made the rest up
  bool damaged;    // it would have gone on with guesses
  bool many_scans;
};

Jpeg& of(j_common_ptr info) { return *static_cast<Jpeg*>(info->client_data); }

[[noreturn]] void on_error(j_common_ptr info) {
  Jpeg& j = of(info);
  j.code = info->err->msg_code;
  info->err->format_message(info, j.message);
  longjmp(j.escape, 1);
}

// Warnings are damage that libjpeg papers over: a dataset wants none of it. What is no damage:
// stuffing before a marker, an odd version or a surprising colour transform.
void on_message(j_common_ptr info, int level) {
  if (level >= 0) return;
  Jpeg& j = of(info);
  switch (info->err->msg_code) {
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_ADOBE_XFORM:
    case JWRN_JFIF_MAJOR:
      return;
    case JWRN_JPEG_EOF:
      j.truncated = true;
      break;
    default:
      j.damaged = true;
      break;
  }
  info->err->format_message(info, j.message);
  longjmp(j.escape, 1);
}

void on_progress(j_common_ptr info) {
  Jpeg& j = of(info);
  if (info->is_decompressor && j.info.input_scan_number > kMaxScans) {
    j.many_scans = true;
    longjmp(j.escape, 1);
  }
}

bool read_header(Jpeg& j, const std::uint8_t* bytes, unsigned long size, long memory) {
  if (setjmp(j.escape)) return false;
  jpeg_create_decompress(&j.info);
  j.info.client_data = &j;
  j.info.progress = &j.progress;
  j.info.mem->max_memory_to_use = memory;
  jpeg_mem_src(&j.info, bytes, size);
  jpeg_read_header(&j.info, TRUE);
  return true;
}

bool read_rows(Jpeg& j, std::uint8_t* line, std::uint8_t* rgb, RowSink& sink) {
  if (setjmp(j.escape)) return false;
  bool four = j.info.num_components == 4;
  j.info.out_color_space = four ? JCS_CMYK : JCS_RGB;
  jpeg_start_decompress(&j.info);
  while (j.info.output_scanline < j.info.output_height) {
    JSAMPROW rows[1] = {line};
    unsigned y = j.info.output_scanline;
    jpeg_read_scanlines(&j.info, rows, 1);
    if (!four) {
      sink.row(y, line);
      continue;
    }
    // Adobe's CMYK is stored inverted: then a channel times black is the colour.
    for (unsigned x = 0; x < j.info.output_width; ++x) {
      for (int c = 0; c < 3; ++c) {
        unsigned ink = line[4 * x + c], black = line[4 * x + 3];
        if (!j.info.saw_Adobe_marker) ink = 255 - ink, black = 255 - black;
        rgb[3 * x + c] = static_cast<std::uint8_t>(ink * black / 255);
      }
    }
    sink.row(y, rgb);
  }
  jpeg_finish_decompress(&j.info);
  return true;
}

Rejection rejection_of(const Jpeg& j) {
  if (j.many_scans) return {Reason::corrupt, "more than 100 scans"};
  if (j.truncated || j.code == JERR_INPUT_EOF) return {Reason::truncated, j.message};
  switch (j.code) {
    case JERR_NO_BACKING_STORE:
    case JERR_OUT_OF_MEMORY:
      return {Reason::too_much_memory, j.message};
    case JERR_IMAGE_TOO_BIG:
      return {Reason::too_many_pixels, j.message};
    case JERR_SOF_UNSUPPORTED:
    case JERR_BAD_PRECISION:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_ARITH_NOTIMPL:
      return {Reason::unsupported_format, j.message};
    default:
      return {Reason::corrupt, j.message};
  }
}

// All coefficients at once for a progressive file, a few rows otherwise.
std::uint64_t memory_of(jpeg_decompress_struct& info) {
  std::uint64_t pixels = std::uint64_t{info.image_width} * info.image_height;
  std::uint64_t rows = std::uint64_t{info.image_width} * 64;
  bool whole = info.progressive_mode || jpeg_has_multiple_scans(&info);
  return whole ? pixels * info.num_components * sizeof(JCOEF) + rows : rows;
}

}  // namespace

Decoded decode_jpeg(Bytes file, const Limits& limits, RowSink& sink) {
  Jpeg j;
  std::memset(&j, 0, sizeof j);
  j.info.err = jpeg_std_error(&j.errors);
  j.errors.error_exit = on_error;
  j.errors.emit_message = on_message;
  j.progress.progress_monitor = on_progress;
  j.info.client_data = &j;  // jpeg_create_decompress keeps err and client_data

  Decoded d;
  long memory = static_cast<long>(std::min<std::uint64_t>(limits.max_memory, INT64_MAX));
  if (!read_header(j, file.data(), file.size(), memory)) {
    d.rejection = rejection_of(j);
  } else {
    d.width = j.info.image_width, d.height = j.info.image_height;
    d.rejection = check_size(d.width, d.height, memory_of(j.info), limits);
    if (!d.rejection.rejected()) {
      sink.begin(d.width, d.height);
      std::vector<std::uint8_t> line(std::size_t{d.width} * 4), rgb(std::size_t{d.width} * 3);
      if (!read_rows(j, line.data(), rgb.data(), sink))
        d.rejection = rejection_of(j);
      else
        d.rejection = check_trailing(j.info.src->bytes_in_buffer, limits);
    }
  }
  jpeg_destroy_decompress(&j.info);
  return d;
}

}  // namespace dataset
