#pragma once
// Reason: why a file is not in the dataset. Codes are stable: they stand in rejected.jsonl and in
// summary.json, and scripts may compare them. Each has a sentence for people; the README's table is
// made of the same list.

#include <span>
#include <string>
#include <string_view>

namespace dataset {

enum class Reason : unsigned char {
  none,
  bad_name,            // its name is no UTF-8
  not_a_file,          // a device, a pipe, a socket
  unreadable,          // permissions, or it went away
  not_found,           // the server says 404 or 410
  refused,             // the server says another 4xx
  bad_url,             // neither http nor https, or redirected in circles or elsewhere
  checksum_mismatch,   // what came is not what the list says
  too_many_bytes,      // larger than validate.max_bytes
  empty,               // no bytes at all
  not_an_image,        // no known image's signature
  unsupported_format,  // an image, not of a kind that is read here
  wrong_extension,     // .jpg that is a PNG
  truncated,           // ends before the image does
  corrupt,             // bytes that contradict the format or a checksum
  trailing_data,       // goes on after the image's end
  animated,            // more than one frame
  too_many_pixels,     // larger than validate.max_pixels
  too_much_memory,     // decoding would pass validate.max_memory
  too_small,           // under validate.min_width or min_height
};

struct ReasonText {
  Reason reason;
  const char* code;
  const char* sentence;
};

// All of them, in order, without none.
std::span<const ReasonText> reasons();
// "truncated".
const char* code_of(Reason reason);
// "It ends before the image does."
const char* sentence_of(Reason reason);
// The reason of that code; none for a code that there is not.
Reason reason_of(std::string_view code);

// Why one file is not taken.
struct Rejection {
  Reason reason = Reason::none;
  std::string detail;  // figures, offsets, what the decoder said; may be empty

  bool rejected() const { return reason != Reason::none; }
};

}  // namespace dataset
