#pragma once
// Base64 (RFC 4648, with padding): bytes that travel inside JSON. Reading is strict: one text for
// one value, so that what was read and written again is the same.

#include <optional>
#include <string>
#include <string_view>

namespace pawl {

std::string to_base64(std::string_view bytes);
// nullopt where the text is not exactly what to_base64() gives for some bytes.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace pawl
