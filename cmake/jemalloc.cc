// jemalloc reads its defaults here. One arena: the loop allocates what the commit thread reads, so
// arenas a processor would only keep freed memory apart.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "narenas:1,dirty_decay_ms:2000,muzzy_decay_ms:0";
}
