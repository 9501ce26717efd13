#include "dataset/reason.h"

namespace dataset {

namespace {

constexpr ReasonText kReasons[] = {
    {Reason::bad_name, "bad_name", "Its name is not UTF-8."},
    {Reason::not_a_file, "not_a_file", "It is a device, a pipe or a socket."},
    {Reason::unreadable, "unreadable", "It cannot be read."},
    {Reason::not_found, "not_found", "The server does not have it (404 or 410)."},
    {Reason::refused, "refused", "The server refuses it (another 4xx)."},
    {Reason::bad_url, "bad_url", "Its address is not http or https, or leads in circles."},
    {Reason::checksum_mismatch, "checksum_mismatch", "Its SHA-256 or size is not the one listed."},
    {Reason::too_many_bytes, "too_many_bytes", "The file is larger than validate.max_bytes."},
    {Reason::empty, "empty", "The file has no bytes."},
    {Reason::not_an_image, "not_an_image", "It does not begin as any image does."},
    {Reason::unsupported_format, "unsupported_format", "It is an image of another kind."},
    {Reason::wrong_extension, "wrong_extension", "Its extension names another format."},
    {Reason::truncated, "truncated", "It ends before the image does."},
    {Reason::corrupt, "corrupt", "Its bytes contradict the format or a checksum in it."},
    {Reason::trailing_data, "trailing_data", "Bytes follow after the image's end."},
    {Reason::animated, "animated", "It has more than one frame."},
    {Reason::too_many_pixels, "too_many_pixels", "Its header promises more than max_pixels."},
    {Reason::too_much_memory, "too_much_memory", "Decoding it would take more than max_memory."},
    {Reason::too_small, "too_small", "It is smaller than min_width or min_height."},
};

}  // namespace

std::span<const ReasonText> reasons() { return kReasons; }

const char* code_of(Reason reason) {
  for (const ReasonText& r : kReasons)
    if (r.reason == reason) return r.code;
  return "none";
}

const char* sentence_of(Reason reason) {
  for (const ReasonText& r : kReasons)
    if (r.reason == reason) return r.sentence;
  return "";
}

Reason reason_of(std::string_view code) {
  for (const ReasonText& r : kReasons)
    if (code == r.code) return r.reason;
  return Reason::none;
}

}  // namespace dataset
