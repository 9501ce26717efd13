#include "dataset/record.h"

namespace dataset {

Checked rejected(const std::string& name, Rejection why) {
  Checked c;
  c.name = name;
  c.reason = code_of(why.reason);
  c.detail = std::move(why.detail);
  return c;
}

Features features_of(const Checked& c) {
  Features f;
  read_hash(c.hash, f.hash);
  read_colours(c.colours, f);
  f.red = c.red, f.green = c.green, f.blue = c.blue;
  f.brightness = c.brightness, f.contrast = c.contrast, f.saturation = c.saturation;
  return f;
}

void set_features(Checked& c, const Features& f) {
  c.hash = hash_text(f.hash), c.colours = colours_text(f);
  c.red = f.red, c.green = f.green, c.blue = f.blue;
  c.brightness = f.brightness, c.contrast = f.contrast, c.saturation = f.saturation;
}

}  // namespace dataset
