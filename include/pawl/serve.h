#pragma once
// serve(): an app's routes over HTTP/1.1, until it is told to stop.
//
//   pawl::ServeOptions options;
//   options.port = 8080;
//   options.stop_fd = signals;  // a signalfd, or a pipe
//   if (auto s = pawl::serve(app, **orchestrator, options); !s.ok()) return fail(s.text());
//
// It asks nobody for a password, so it listens on loopback only, and takes whoever reaches it there
// for an admin; for more, put a proxy before it that knows its users. Pages of other sites that a
// browser on this machine shows are kept out: a request must name this host, and an Origin that it
// carries must be this host too.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "pawl/app.h"

namespace pawl::PAWL_V1 {

// How an app is served.
struct ServeOptions {
  std::string address = "127.0.0.1";  // numeric, of loopback
  std::uint16_t port = 0;             // 0: any that is free
  // Called once, with the port, when requests are answered.
  std::function<void(std::uint16_t port)> on_ready;
  int stop_fd = -1;      // serving ends as soon as this can be read; it is not read
  unsigned threads = 4;  // that answer requests; what cannot be begun soon is answered with 503
  unsigned connections = 256;              // at once
  std::size_t max_body_bytes = 16u << 20;  // of a request
  // Bodies of 256 KiB and more go to a nameless file in this folder, Request::body_file, so that
  // they take no memory. "": all bodies are kept in memory, Request::body.
  std::string body_folder;
  std::vector<std::string> hosts;  // names it is called by, beside localhost and loopback addresses
  Millis patience{10000};          // at the end: for answers that are being made
};

// Attaches the app and answers its routes until `stop_fd` says so; then lets answers that are being
// made get to their end. Blocks. Errors: those of App::attach(); invalid where the address is not
// of loopback, conflict where the port is taken.
PAWL_API Status serve(App& app, Orchestrator& orchestrator, ServeOptions options);

}  // namespace pawl::PAWL_V1
