#pragma once
// HttpAnswerReader: one HTTP/1.1 response as it comes off a connection. What a server sends is not
// trusted either: heads and bodies are bounded, and framing that could be read in two ways is
// refused.

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace pawl::server {

struct HttpAnswer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
  bool keep_alive = true;
  // The first value, or nullptr.
  const std::string* header(std::string_view name) const;
};

class HttpAnswerReader {
 public:
  explicit HttpAnswerReader(std::size_t most_body) : most_(most_body) {}
  // Bytes as they come. Error: what is wrong with them.
  Status feed(std::string_view bytes);
  // The connection was closed. Error: too early.
  Status close();
  bool done() const { return part_ == Part::done; }
  // Something came: a server that was there has begun to answer.
  bool begun() const { return begun_; }
  // REQUIRES: done().
  HttpAnswer take() { return std::move(answer_); }

 private:
  enum class Part { head, length, chunk_size, chunk_data, chunk_end, trailer, until_close, done };
  Result<bool> step();  // false: more bytes are needed
  Result<bool> read_head();
  Status read_status(std::string_view line);
  Status read_field(std::string_view line);
  Status read_framing();
  Result<bool> read_chunk_size();
  bool take_line(std::string& line);
  Status take_body(std::size_t n);

  const std::size_t most_;
  Part part_ = Part::head;
  std::string in_;
  std::size_t left_ = 0;
  std::size_t trailers_ = 0;
  bool begun_ = false;
  HttpAnswer answer_;
};

}  // namespace pawl::server
