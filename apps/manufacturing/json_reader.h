#pragma once
// JsonReader: JSON as a stream of tokens, off a file or a text, in one pass and a fixed piece of
// memory. A batch of measurements is far larger than the tree it would make.
//
// Strict as RFC 8259 says, with one addition that exporters make necessary: NaN, Infinity and
// -Infinity stand where a number may stand, and read as no number. Every error says line and
// column. After an error every call answers false or `error`.

#include <pawl/status.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace manufacturing {

// Where something stands, from 1.
struct Place {
  std::uint64_t line = 1, column = 1;
};

// Puts up to `most` bytes where it is told; 0 at the end.
using ByteSource = std::function<pawl::Result<std::size_t>(char* into, std::size_t most)>;
ByteSource text_source(std::string_view text);
// Reads with pread() from the file's beginning; the descriptor stays the caller's.
ByteSource file_source(int fd, std::string path);

class JsonReader {
 public:
  enum class Kind : unsigned char { null, boolean, number, not_a_number, string, array, object };

  // `name` begins the messages.
  JsonReader(std::string name, ByteSource source);

  // Reads what comes next. An array or object is open then: next_item(), next_member() go through
  // it. False: error().
  bool value();
  Kind kind() const { return kind_; }
  bool boolean() const { return boolean_; }
  double number() const { return number_; }
  const std::string& text() const { return text_; }  // of a string, also of an integer's digits
  bool integer() const { return integer_; }          // the number was written without . and e
  Place place() const { return place_; }             // where the value began

  // True: another one follows, read it with value(). False: the array has ended, or error().
  bool next_item();
  // True: a member follows; its name is in key(), read it with value().
  bool next_member();
  const std::string& key() const { return key_; }
  Place key_place() const { return key_place_; }
  // Reads over the value just begun, to its end.
  bool skip();
  // Nothing but white space follows.
  bool end();

  bool ok() const { return error_.ok(); }
  const pawl::Status& error() const { return error_; }
  // Gives up: the message is "NAME:LINE:COLUMN: what". Returns false.
  bool refuse(const std::string& what, Place at);
  bool refuse(const std::string& what) { return refuse(what, place_); }

 private:
  int peek();  // -1: the end, or an error
  int take();
  bool fill();
  int space();  // over it, to the next byte
  Place here() const { return {line_, offset_ + at_ - line_start_ + 1}; }
  bool unexpected(int byte, const char* wanted);
  bool read_string(std::string& into);
  bool read_escape(std::string& into);
  bool read_unicode(std::string& into);
  bool read_hex(unsigned& code);
  bool read_utf8(int first, std::string& into);
  bool read_number(int first);
  bool read_word(const char* word);
  bool opens(char byte, Kind kind);

  std::string name_;
  ByteSource source_;
  std::string buffer_;
  std::size_t at_ = 0, end_ = 0;
  std::uint64_t offset_ = 0, line_start_ = 0, line_ = 1;
  std::string stack_;   // of what is open: '[' or '{'
  bool first_ = false;  // nothing of the innermost was read yet
  Kind kind_ = Kind::null;
  bool boolean_ = false, integer_ = false, ended_ = false;
  double number_ = 0;
  std::string text_, key_;
  Place place_, key_place_;
  pawl::Status error_;
};

// "null", "a number", as in messages.
const char* to_string(JsonReader::Kind kind);

}  // namespace manufacturing
