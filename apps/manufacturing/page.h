#pragma once
// The page at "/": a form that posts a batch, the pipeline of a workflow as it goes, its verdict
// with reasons. One document that asks nothing of anybody else; what a batch says is shown as text.

namespace manufacturing {

const char* page_html();

}  // namespace manufacturing
