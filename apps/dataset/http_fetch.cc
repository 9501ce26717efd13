#include "dataset/http_fetch.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "common/trace.h"

namespace dataset {

using pawl::Code;
using pawl::Status;

namespace {

// One request: what was asked for, and what comes.
struct Transfer {
  const HttpWant* want;
  const Patience* patience;
  CURL* curl;
  int fd;
  std::uint64_t asked_from = 0;  // Range: bytes=N-
  std::uint64_t at = 0;          // where the next byte goes
  bool begun = false;            // the first byte of a good answer came
  bool too_many = false, wrong_range = false;
  Status trouble;    // of our own disk
  std::string etag;  // strong ones only
  std::optional<std::uint64_t> range_from, range_total;
};

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t n = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return n;
}

// "bytes 100-199/200", "bytes */200".
void read_range(Transfer& t, std::string_view text) {
  if (!text.starts_with("bytes ")) return;
  text.remove_prefix(6);
  auto slash = text.find('/');
  if (slash == std::string_view::npos) return;
  t.range_total = number(text.substr(slash + 1));
  t.range_from = number(text.substr(0, std::min(text.find('-'), slash)));
}

std::size_t on_header(char* bytes, std::size_t size, std::size_t count, void* user) {
  auto& t = *static_cast<Transfer*>(user);
  std::string_view line(bytes, size * count);
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r' || line.back() == ' '))
    line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {  // of the next answer, after a redirect
    t.etag.clear();
    t.range_from.reset(), t.range_total.reset();
  }
  auto colon = line.find(':');
  if (colon == std::string_view::npos) return size * count;
  std::string name(line.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  auto value = line.substr(colon + 1);
  value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
  if (name == "etag" && value.size() <= 200 && value.starts_with('"')) t.etag = value;
  if (name == "content-range") read_range(t, value);
  return size * count;
}

// Where the body begins to come, and only then, the answer's status decides what becomes of the
// part.
bool begin(Transfer& t, long status) {
  t.begun = true;
  if (status == 206) {
    if (t.range_from == t.asked_from) return true;
    t.wrong_range = true;
    return false;
  }
  t.at = 0;
  if (::ftruncate(t.fd, 0) != 0) {
    t.trouble = file_error("writing", t.want->part);
    return false;
  }
  remove_file(t.want->part + ".etag");
  if (!t.etag.empty()) t.trouble = write_file(t.want->part + ".etag", t.etag);
  return t.trouble.ok();
}

std::size_t on_body(char* bytes, std::size_t size, std::size_t count, void* user) {
  auto& t = *static_cast<Transfer*>(user);
  std::size_t n = size * count;
  long status = 0;
  curl_easy_getinfo(t.curl, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200 && status != 206) return n;  // the text of an error
  if (!t.begun && !begin(t, status)) return 0;
  if (t.at + n > t.want->most) {
    t.too_many = true;
    return 0;
  }
  if (::lseek(t.fd, static_cast<off_t>(t.at), SEEK_SET) < 0) {
    t.trouble = file_error("writing", t.want->part);
    return 0;
  }
  t.trouble = write_all(t.fd, {bytes, n}, t.want->part);
  if (!t.trouble.ok()) return 0;
  t.at += n;
  return n;
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Transfer*>(user)->patience->stopped() ? 1 : 0;
}

bool is_web_address(const std::string& url) {
  auto colon = url.find(':');
  std::string scheme = url.substr(0, colon == std::string::npos ? 0 : colon);
  std::transform(scheme.begin(), scheme.end(), scheme.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return scheme == "http" || scheme == "https";
}

// What one request came to.
struct Outcome {
  enum class Kind : unsigned char { whole, again, anew, rejected, stopped, broken } kind;
  Rejection rejection{};
  std::string text{};
  Status status{};
};

Outcome of_status(const Transfer& t, long status) {
  std::string text = "the server answered " + std::to_string(status);
  if (status == 404 || status == 410) return {Outcome::Kind::rejected, {Reason::not_found, text}};
  if (status == 416 && t.asked_from > 0) return {Outcome::Kind::anew, {}, text};
  if (status == 408 || status == 425 || status == 429 || status >= 500)
    return {Outcome::Kind::again, {}, text};
  if (status >= 300 && status < 400) return {Outcome::Kind::rejected, {Reason::bad_url, text}};
  if (status >= 400) return {Outcome::Kind::rejected, {Reason::refused, text}};
  // A file of no bytes has no body to begin with.
  if (status == 200 || status == 206) return {Outcome::Kind::whole};
  return {Outcome::Kind::again, {}, text};
}

}  // namespace

struct HttpFetch::Impl {
  CURL* curl = nullptr;
  void set_up(const HttpWant& want, Transfer& t, curl_slist* headers);
  Outcome request(const HttpWant& want, const Patience& patience);
  Outcome confirm(const HttpWant& want, const Patience& patience, Digest& digest);
};

HttpFetch::HttpFetch() : impl_(std::make_unique<Impl>()) {
  static const CURLcode begun = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (begun == CURLE_OK) impl_->curl = curl_easy_init();
}

HttpFetch::~HttpFetch() {
  if (impl_->curl) curl_easy_cleanup(impl_->curl);
}

void HttpFetch::Impl::set_up(const HttpWant& want, Transfer& t, curl_slist* headers) {
  const DownloadOptions& o = want.options;
  curl_easy_reset(curl);
  curl_easy_setopt(curl, CURLOPT_URL, want.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, static_cast<long>(o.redirects));
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(o.timeout_s * 1000));
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(o.connect_timeout_s * 1000));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(o.stall_timeout_s));
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "pawl-dataset");
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &t);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &t);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &t);
}

Outcome HttpFetch::Impl::request(const HttpWant& want, const Patience& patience) {
  Fd part(::open(want.part.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  struct stat st;
  if (!part.ok() || ::fstat(part.get(), &st) != 0)
    return {Outcome::Kind::broken, {}, {}, file_error("writing", want.part)};
  Transfer t{.want = &want, .patience = &patience, .curl = curl, .fd = part.get()};
  auto etag = read_file(want.part + ".etag", 1000);
  bool known = etag.ok() && etag->starts_with('"') && etag->find('\n') == std::string::npos;
  if (known || !want.sha256.empty()) t.asked_from = static_cast<std::uint64_t>(st.st_size);
  t.at = t.asked_from;

  curl_slist* headers = curl_slist_append(nullptr, "Accept: image/*, */*;q=0.5");
  if (t.asked_from > 0) {
    std::string range = "Range: bytes=" + std::to_string(t.asked_from) + "-";
    headers = curl_slist_append(headers, range.c_str());
    if (known) headers = curl_slist_append(headers, ("If-Range: " + *etag).c_str());
  }
  set_up(want, t, headers);
  apps::trace("request", want.name + " " + std::to_string(t.asked_from));
  CURLcode code = curl_easy_perform(curl);
  curl_slist_free_all(headers);

  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  std::string text = curl_easy_strerror(code);
  if (!t.trouble.ok()) return {Outcome::Kind::broken, {}, {}, t.trouble};
  if (t.too_many) {
    return {Outcome::Kind::rejected,
            {Reason::too_many_bytes, "more than " + std::to_string(want.most) + " bytes"}};
  }
  if (t.wrong_range) return {Outcome::Kind::anew, {}, "the server sent another range"};
  switch (code) {
    case CURLE_OK:
      break;
    case CURLE_ABORTED_BY_CALLBACK:
      return {Outcome::Kind::stopped};
    case CURLE_UNSUPPORTED_PROTOCOL:
      // Also what curl calls an answer that is no HTTP; only a redirect has said where to.
      if (status < 300 || status >= 400) return {Outcome::Kind::again, {}, text};
      return {Outcome::Kind::rejected, {Reason::bad_url, text}};
    case CURLE_URL_MALFORMAT:
    case CURLE_TOO_MANY_REDIRECTS:
      return {Outcome::Kind::rejected, {Reason::bad_url, text}};
    default:
      return {Outcome::Kind::again, {}, text};
  }
  Outcome outcome = of_status(t, status);
  if (outcome.kind != Outcome::Kind::whole) return outcome;
  if (!t.begun && !begin(t, status)) return {Outcome::Kind::broken, {}, {}, t.trouble};
  if (t.range_total && t.at < *t.range_total)
    return {Outcome::Kind::again, {}, "the server sent less than the rest"};
  return outcome;
}

// Whether the part is what was wanted.
Outcome HttpFetch::Impl::confirm(const HttpWant& want, const Patience& patience, Digest& digest) {
  auto read = digest_file(want.part, {.each = {}, .stop = patience.stopped});
  if (!read.ok()) {
    bool stopped = read.status().code() == Code::unavailable;
    return {stopped ? Outcome::Kind::stopped : Outcome::Kind::broken, {}, {}, read.status()};
  }
  digest = *read;
  if (want.bytes >= 0 && digest.bytes != static_cast<std::uint64_t>(want.bytes)) {
    return {Outcome::Kind::anew,
            {},
            std::to_string(digest.bytes) + " bytes came, listed are " + std::to_string(want.bytes)};
  }
  if (!want.sha256.empty() && digest.sha256 != want.sha256)
    return {Outcome::Kind::anew, {}, "the SHA-256 is " + digest.sha256};
  return {Outcome::Kind::whole};
}

HttpGot HttpFetch::fetch(const HttpWant& want, const Patience& patience) {
  HttpGot got;
  if (!impl_->curl) {
    got.status = Status::failed("libcurl could not begin");
    return got;
  }
  int doubt = 0;      // 1 for a file put together of parts that is wrong, 2 for a whole one
  off_t largest = 0;  // that the part has been
  std::string last;
  if (!is_web_address(want.url)) {
    got.rejection = {Reason::bad_url, "neither http nor https"};
    return got;
  }
  // What was complete when the last process ended needs no request.
  if (!want.sha256.empty() && file_exists(want.part) &&
      impl_->confirm(want, patience, got.digest).kind == Outcome::Kind::whole)
    return got;
  for (int attempt = 0; attempt < want.options.tries;) {
    struct stat st;
    bool fresh = ::stat(want.part.c_str(), &st) != 0 || st.st_size == 0;
    ++got.requests;
    Outcome outcome = impl_->request(want, patience);
    if (outcome.kind == Outcome::Kind::whole) {
      outcome = impl_->confirm(want, patience, got.digest);
      // A part may be of an earlier file, and a server may err once. Not for ever.
      if (outcome.kind == Outcome::Kind::anew && (doubt += fresh ? 2 : 1) >= 4)
        outcome = {Outcome::Kind::rejected, {Reason::checksum_mismatch, outcome.text}};
    }
    // A server that promised more than there is: the checksum knows better.
    if (outcome.kind == Outcome::Kind::again && !want.sha256.empty() && file_exists(want.part) &&
        impl_->confirm(want, patience, got.digest).kind == Outcome::Kind::whole)
      outcome.kind = Outcome::Kind::whole;
    last = outcome.text;
    switch (outcome.kind) {
      case Outcome::Kind::whole:
        remove_file(want.part + ".etag");
        return got;
      case Outcome::Kind::rejected:
        got.rejection = outcome.rejection;
        remove_file(want.part);
        remove_file(want.part + ".etag");
        return got;
      case Outcome::Kind::stopped:
        got.status = Status(Code::unavailable, "stopped");
        return got;
      case Outcome::Kind::broken:
        got.status = outcome.status;
        return got;
      case Outcome::Kind::anew:
        remove_file(want.part);
        remove_file(want.part + ".etag");
        if (!fresh) continue;  // at once: the next one is whole, and counts
        break;
      case Outcome::Kind::again:
        break;
    }
    // Where each connection brings some of it, the end is near, however often they break.
    bool grew = ::stat(want.part.c_str(), &st) == 0 && st.st_size > largest;
    if (grew) largest = st.st_size;
    attempt = grew ? 0 : attempt + 1;
    int wait_ms = grew ? 10 : 200 << std::min(attempt, 6);
    if (attempt < want.options.tries && !patience.wait(wait_ms)) {
      got.status = Status(Code::unavailable, "stopped");
      return got;
    }
  }
  got.status =
      Status::failed(want.url + ": " + last + ", " + std::to_string(want.options.tries) + " times");
  return got;
}

}  // namespace dataset
