// The http action against real sockets: a small server of our own, plain and TLS.

#include "actions/http.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <functional>
#include <thread>

#include "actions/http_link.h"
#include "actions/registry.h"
#include "base/fs.h"
#include "base/text.h"

namespace pawl::actions {
namespace {

using core::FailureClass;
using core::ReportKind;
using ::testing::HasSubstr;
using ::testing::Not;

// Certificate for localhost and 127.0.0.1, signed by itself.
struct Certificate {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  Certificate() {
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME* name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_EXTENSION* names =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    X509_add_ext(certificate, names, -1);
    X509_EXTENSION_free(names);
    X509_sign(certificate, key, EVP_sha256());
  }
  ~Certificate() {
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
  std::string pem() const {
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, certificate);
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    std::string out(data, static_cast<std::size_t>(size));
    BIO_free(bio);
    return out;
  }
};

// Answers each connection with what `answer` makes of the request; "" leaves it hanging.
class Server {
 public:
  using Answer = std::function<std::string(const std::string&)>;
  explicit Server(Answer answer, const Certificate* certificate = nullptr)
      : answer_(std::move(answer)), certificate_(certificate) {
    fd_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    PAWL_ASSERT(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    PAWL_ASSERT(::listen(fd_.get(), 16) == 0);
    ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~Server() {
    ::shutdown(fd_.get(), SHUT_RDWR);
    thread_.join();
  }
  std::string url(std::string_view path = "/") const {
    return str(certificate_ ? "https" : "http", "://127.0.0.1:", port_, path);
  }
  int port() const { return port_; }

 private:
  void serve() {
    while (true) {
      UniqueFd client(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client) return;
      certificate_ ? serve_tls(client.get()) : serve_plain(std::move(client));
    }
  }
  static bool whole(const std::string& request) {
    const auto end = request.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    const auto at = request.find("content-length: ");
    const auto length = at == std::string::npos ? 0 : std::strtoul(&request[at + 16], nullptr, 10);
    return request.size() >= end + 4 + length;
  }
  void serve_plain(UniqueFd client) {
    std::string request;
    char buffer[4096];
    while (!whole(request)) {
      const auto n = ::read(client.get(), buffer, sizeof buffer);
      if (n <= 0) return;
      request.append(buffer, static_cast<std::size_t>(n));
    }
    const auto text = answer_(request);
    if (text.empty()) {  // hangs until the client gives up
      while (::read(client.get(), buffer, sizeof buffer) > 0) {
      }
      return;
    }
    (void)write_all(client.get(), text, "client").ok();
  }
  void serve_tls(int client) {
    SSL_CTX* context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(context, certificate_->certificate);
    SSL_CTX_use_PrivateKey(context, certificate_->key);
    SSL* ssl = SSL_new(context);
    SSL_set_fd(ssl, client);
    char buffer[4096];
    if (SSL_accept(ssl) == 1) {
      const int n = SSL_read(ssl, buffer, sizeof buffer);
      if (n > 0) {
        const auto text = answer_(std::string(buffer, static_cast<std::size_t>(n)));
        SSL_write(ssl, text.data(), static_cast<int>(text.size()));
      }
      SSL_shutdown(ssl);
    }
    SSL_free(ssl);
    SSL_CTX_free(context);
  }
  Answer answer_;
  const Certificate* certificate_;
  UniqueFd fd_;
  int port_ = 0;
  std::thread thread_;
};

class TestControl : public Control {
 public:
  void progress(core::Progress) override {}
  void metric(std::string, double) override {}
  void warning(std::string text) override { warnings.push_back(std::move(text)); }
  void checkpoint(std::string, bool) override {}
  void log(core::Stream, std::string_view) override {}
  bool stopped() const override { return false; }
  int stop_fd() override { return fd_.get(); }
  const Clock& clock() const override { return system_clock(); }
  void stop() {
    const std::uint64_t one = 1;
    PAWL_ASSERT(::write(fd_.get(), &one, sizeof one) == sizeof one);
  }
  std::vector<std::string> warnings;

 private:
  UniqueFd fd_{::eventfd(0, EFD_CLOEXEC)};
};

core::Report call(const Json& with, TestControl& control) {
  static const bool ignored = ::signal(SIGPIPE, SIG_IGN) != SIG_ERR;
  PAWL_ASSERT(ignored);
  core::Assignment assignment;
  assignment.with = with;
  return http(assignment, control);
}
core::Report call(const Json& with) {
  TestControl control;
  return call(with, control);
}
Json to(const std::string& url) {
  auto with = Json::object();
  with.set("url", url);
  return with;
}

std::string answer(std::string_view status, std::string_view headers, std::string_view body) {
  return str("HTTP/1.1 ", status, "\r\n", headers, "content-length: ", body.size(), "\r\n\r\n",
             body);
}

TEST(Http, PostsJsonAndReadsJson) {
  std::string got;
  Server server([&](const std::string& request) {
    got = request;
    return answer("201 Created", "Content-Type: application/json; charset=utf-8\r\n",
                  R"({"id": 7})");
  });
  auto with = to(server.url("/load?x=1"));
  with.set("method", "post").set("body", *Json::parse(R"({"rows": 3})"));
  with.set("headers", *Json::parse(R"({"Authorization": "Bearer x", "X-N": 3})"));
  const auto report = call(with);
  EXPECT_EQ(report.kind, ReportKind::completed) << report.message;
  EXPECT_EQ(report.outputs["status"].as_integer(), 201);
  EXPECT_EQ(report.outputs["body"].dump(), R"({"id":7})");
  EXPECT_EQ(report.outputs["headers"]["content-type"].as_string(),
            "application/json; charset=utf-8");
  EXPECT_TRUE(report.outputs["duration_ms"].is_integer());
  EXPECT_THAT(got, HasSubstr("POST /load?x=1 HTTP/1.1\r\n"));
  EXPECT_THAT(got, HasSubstr("content-type: application/json\r\n"));
  EXPECT_THAT(got, HasSubstr("authorization: Bearer x\r\n"));
  EXPECT_THAT(got, HasSubstr("\r\n\r\n{\"rows\":3}"));
}

TEST(Http, StatusDecides) {
  std::string status;
  Server server(
      [&](const std::string&) { return answer(status, "Retry-After: 120\r\n", "why not"); });
  auto outcome = [&](const char* s) {
    status = s;
    return call(to(server.url()));
  };
  EXPECT_EQ(outcome("503 Busy").failure_class, FailureClass::network);
  EXPECT_FALSE(outcome("503 Busy").no_retry);
  EXPECT_THAT(outcome("429 Slow down").message, HasSubstr("come back after 120 s"));
  EXPECT_EQ(outcome("429 Slow down").failure_class, FailureClass::network);
  EXPECT_EQ(outcome("401 Who").failure_class, FailureClass::auth);
  EXPECT_EQ(outcome("403 No").failure_class, FailureClass::auth);
  const auto gone = outcome("404 Not Found");
  EXPECT_EQ(gone.failure_class, FailureClass::user);
  EXPECT_TRUE(gone.no_retry);
  EXPECT_THAT(gone.message, HasSubstr("answered 404 Not Found"));
  EXPECT_THAT(gone.message, HasSubstr("why not"));
  auto with = to(server.url());
  with.set("expect", *Json::parse(R"([200, "400-499"])"));
  EXPECT_EQ(call(with).kind, ReportKind::completed);
}

TEST(Http, RedirectsAreFollowedOnlyWhenAsked) {
  std::vector<std::string> got;
  Server server([&](const std::string& request) {
    got.push_back(request);
    return request.starts_with("GET /end") ? answer("200 OK", "", "there")
                                           : answer("302 Found", "Location: /end\r\n", "");
  });
  auto with = to(server.url("/start"));
  EXPECT_THAT(call(with).message, HasSubstr("answered 302"));
  with.set("redirects", 1).set("method", "POST").set("body", "x");
  EXPECT_EQ(call(with).outputs["body"].as_string(), "there");
  EXPECT_THAT(got.back(), Not(HasSubstr("content-length")));
}

TEST(Http, CredentialsStayWithTheirHost) {
  std::string got;
  Server other([&](const std::string& request) {
    got = request;
    return answer("200 OK", "", "");
  });
  Server server([&](const std::string&) {
    return answer("307 Go", str("Location: ", other.url("/x"), "\r\n"), "");
  });
  auto with = to(server.url());
  with.set("redirects", 3).set("headers", *Json::parse(R"({"Authorization": "Bearer x"})"));
  EXPECT_EQ(call(with).kind, ReportKind::completed);
  EXPECT_THAT(got, Not(HasSubstr("Bearer")));
}

TEST(Http, WhatCannotBeReachedIsRetried) {
  int port = 0;
  {
    port = Server([](const std::string&) { return std::string(); }).port();
  }
  const auto refused = call(to(str("http://127.0.0.1:", port, "/")));
  EXPECT_EQ(refused.failure_class, FailureClass::network);
  EXPECT_THAT(refused.message, HasSubstr("Connection refused"));
  EXPECT_EQ(call(to("http://no-such-host.invalid/")).failure_class, FailureClass::network);
  Server cut([](const std::string&) {
    return std::string("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal");
  });
  EXPECT_THAT(call(to(cut.url())).message, HasSubstr("in the middle of its answer"));
}

TEST(Http, DeadlineAndStop) {
  Server silent([](const std::string&) { return std::string(); });
  auto with = to(silent.url());
  with.set("timeout", "50ms");
  EXPECT_EQ(call(with).failure_class, FailureClass::timeout);
  TestControl control;
  control.stop();
  EXPECT_EQ(call(to(silent.url()), control).kind, ReportKind::cancelled);
}

TEST(Http, MetadataAddressesAreRefused) {
  for (auto url : {"http://169.254.169.254/latest/meta-data/", "http://[fe80::1]/",
                   "http://[::ffff:169.254.169.254]/", "http://[fd00:ec2::254]/",
                   "http://2852039166/", "http://0xa9fea9fe/", "http://169.254.43518/",
                   "http://[64:ff9b::a9fe:a9fe]/", "http://100.100.100.200/"}) {
    const auto report = call(to(url));
    EXPECT_EQ(report.failure_class, FailureClass::auth) << url;
    EXPECT_THAT(report.message, HasSubstr("link-local or metadata")) << url;
    EXPECT_TRUE(report.no_retry);
  }
}

TEST(Http, BadPlansAreNamed) {
  auto message = [](const char* with) { return call(*Json::parse(with)).message; };
  EXPECT_THAT(message("{}"), HasSubstr("with.url"));
  EXPECT_THAT(message(R"({"url": "http://h/", "headers": {"A": "x\r\nB: y"}})"),
              HasSubstr("line break"));
  EXPECT_THAT(message(R"({"url": "http://h/", "headers": {"A\nB": "x"}})"),
              HasSubstr("cannot name a header"));
  EXPECT_THAT(message(R"({"url": "http://h/", "headers": {"Host": "x"}})"),
              HasSubstr("Pawl itself"));
  EXPECT_THAT(message(R"({"url": "http://h/", "metod": "GET"})"),
              HasSubstr("did you mean 'method'"));
  EXPECT_THAT(message(R"({"url": "http://h/", "expect": "ok"})"), HasSubstr("no status"));
  EXPECT_THAT(message(R"({"url": "http://h/", "timeout": "5"})"), HasSubstr("5"));
}

TEST(Http, TlsIsVerified) {
  Certificate certificate;
  Server server([](const std::string&) { return answer("200 OK", "", "sealed"); }, &certificate);
  const auto refused = call(to(server.url()));
  EXPECT_EQ(refused.failure_class, FailureClass::auth);
  EXPECT_THAT(refused.message, HasSubstr("certificate is refused"));
  char path[] = "/tmp/pawl-ca-XXXXXX";
  UniqueFd file(::mkstemp(path));
  ASSERT_TRUE(write_all(file.get(), certificate.pem(), path).ok());
  auto with = to(server.url());
  with.set("ca_file", static_cast<const char*>(path));
  const auto fine = call(with);
  EXPECT_EQ(fine.kind, ReportKind::completed) << fine.message;
  EXPECT_EQ(fine.outputs["body"].as_string(), "sealed");
  // The right certificate under a name that it does not carry.
  with.set("url", str("https://127.0.0.2:", server.port(), "/"));
  EXPECT_NE(call(with).kind, ReportKind::completed);
  ::unlink(path);
}

TEST(Http, LargeBodies) {
  Server server([](const std::string& request) {
    return request.find("/huge") != std::string::npos
               ? answer("200 OK", "", std::string(17u << 20, 'x'))
               : answer("200 OK", "", std::string(2u << 20, 'x'));
  });
  TestControl control;
  EXPECT_EQ(call(to(server.url()), control).outputs["body"].as_string().size(), 1u << 20);
  EXPECT_EQ(control.warnings.size(), 1u);
  EXPECT_THAT(call(to(server.url("/huge"))).message, HasSubstr("larger than 16 MiB"));
}

}  // namespace
}  // namespace pawl::actions
