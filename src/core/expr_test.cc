#include "core/expr.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "core/scope_testing.h"

namespace pawl::core {
namespace {

FakeScope scope() {
  FakeScope s;
  s.inputs_value =
      json_of(R"({"n": 10000, "f": 2.5, "day": "2026-01-31", "flag": true, "none": null,
      "list": [3, 1, 2, 1], "words": ["b", "a"],
      "map": {"k": {"deep": [10, 20]}, "a-b": 5, "x y": 6},
      "big": 9223372036854775807, "empty": "", "wide": "äöü漢"})");
  s.params_value = json_of(R"({"batch_size": 9999})");
  s.run_value = json_of(R"({"id": "41"})");
  s.tasks[{0, TaskField::outputs}] = json_of(R"({"rows": 12, "n-1": 3, "n": 9})");
  s.tasks[{0, TaskField::state}] = Json("completed");
  s.tasks[{1, TaskField::attempts}] = Json(2);
  s.tasks[{3, TaskField::verdict}] = Json("warning");
  return s;
}

// "= JSON" or "! part of the error".
std::string outcome(std::string_view text, const Scope& s) {
  auto e = Expr::compile(text, FakeNames{});
  if (!e.ok()) return str("! ", e.error().message);
  auto v = e->evaluate(s);
  return v.ok() ? str("= ", v->dump()) : str("! ", v.error().message);
}

struct Case {
  const char* text;
  const char* expected;
};

void check(std::initializer_list<Case> cases) {
  FakeScope s = scope();
  for (const Case& c : cases) {
    std::string got = outcome(c.text, s);
    if (c.expected[0] == '=') {
      EXPECT_EQ(got, c.expected) << c.text;
    } else
      EXPECT_TRUE(got[0] == '!' && got.find(c.expected + 2) != got.npos)
          << c.text << "\n  gave " << got << "\n  not  " << c.expected;
  }
}

TEST(Expr, LiteralsAndOperators) {
  check({{"1 + 2 * 3", "= 7"},
         {"(1 + 2) * 3", "= 9"},
         {"7 / 2", "= 3"},
         {"-7 / 2", "= -3"},
         {"7.0 / 2", "= 3.5"},
         {"-7 % 3", "= -1"},
         {"'it''s'", "= \"it's\""},
         {R"("tab\tA")", "= \"tab\\tA\""},
         {"'a' + 'b'", "= \"ab\""},
         {"1 == 1.0", "= true"},
         {"1 == '1'", "= false"},
         {"1 != '1'", "= true"},
         {"null == null", "= true"},
         {"2 > 1 && 'b' > 'a'", "= true"},
         {"!0 && !'' && ![] && !null", "= true"},
         {"false ? 1 : true ? 2 : 3", "= 2"},
         {"true || 1 / inputs.none > 1", "= true"},
         {"1e3", "= 1000.0"},
         {"[1, 'a', [true]]", "= [1,\"a\",[true]]"},
         {"1 - -1", "= 2"},
         {"9007199254740993 == 9007199254740992.0", "= false"}});
}

TEST(Expr, OrdersNumbersExactlyAndTextsByTheirBytes) {
  check({{"2 <= 2 && 2 >= 2", "= true"},
         {"2 <= 1 || 1 >= 2", "= false"},
         {"inputs.f >= 2 && inputs.f <= 3", "= true"},
         {"2 < inputs.f && 3 > inputs.f", "= true"},
         {"9007199254740993 > 9007199254740992.0", "= true"},
         {"inputs.big < 9223372036854775808.0", "= true"},
         {"'a' <= 'a' && 'B' <= 'a'", "= true"},
         {"1 < '2'", "! cannot order the number 1 and the text \"2\""},
         {"[1, 2] < 1", "! cannot order a list of 2 and the number 1"},
         {"inputs.flag >= inputs.map", "! cannot order true and a map"}});
}

TEST(Expr, CalculatesWithFractions) {
  check({{"5.5 - 2", "= 3.5"},
         {"inputs.f * 2", "= 5.0"},
         {"5.5 % 2", "= 1.5"},
         {"-inputs.f", "= -2.5"},
         {"1.5 / 0", "! divided by zero has no value"},
         {"1e308 * 10.0", "! is out of range"},
         {"-inputs.day", "! cannot negate the text"},
         {"-inputs.list", "! cannot negate a list of 4"}});
}

TEST(Expr, PathsReachIntoValues) {
  check({{"inputs.map.k.deep[1]", "= 20"},
         {"inputs.map.k.deep[-1]", "= 20"},
         {"inputs['map']['x y']", "= 6"},
         {"inputs.map.a-b", "= 5"},
         {"inputs.n - 1", "= 9999"},
         {"inputs.map.a-b-1", "! no \"a-b-1\""},
         {"params.batch_size / 2", "= 4999"},
         {"tasks.a.outputs.rows", "= 12"},
         {"tasks['a'].outputs.n-1", "= 3"},
         {"tasks.a.outputs.n - 1", "= 8"},
         {"tasks.a.state == 'completed'", "= true"},
         {"tasks.a-b.attempts", "= 2"},
         {"tasks.g.m.verdict", "= \"warning\""},
         {"run.id", "= \"41\""},
         {"index", "= 7"},
         {"secrets.token", "= \"token!\""},
         {"success() && !failure() && always()", "= true"}});
}

TEST(Expr, ErrorsNameThePathAndTheNearestKey) {
  check({{"inputs.map.k.dep", "! `inputs.map.k.dep`: there is no \"dep\"; did you mean \"deep\"?"},
         {"inputs.map.k.deep[5]", "! no element 5 in a list of 2"},
         {"inputs.n.x", "! the number 10000 has no \"x\""},
         {"inputs.list['a']", "! a list is indexed by an integer"},
         {"inputs.map[1]", "! a map is indexed by a text"},
         {"tasks.a-b.outputs.x", "! `tasks.a-b.outputs`: the task has not run"},
         {"item", "! not in a fan-out"},
         {"inputs.n < inputs.day", "! cannot order the number 10000 and the text"},
         {"inputs.day * 2", "! `inputs.day * 2`: `*` needs two numbers"},
         {"inputs.n + inputs.day", "! string(x) makes a text"},
         {"inputs.big + 1", "! does not fit 64 bits"},
         {"inputs.big * 2", "! does not fit 64 bits"},
         {"(0 - inputs.big - 1) / -1", "! does not fit 64 bits"},
         {"-(0 - inputs.big - 1)", "! does not fit 64 bits"},
         {"(0 - inputs.big - 1) % -1", "= 0"},
         {"inputs.n / (inputs.n - inputs.n)", "! / 0 has no value"},
         {"inputs.f / 0.0", "! divides by zero"},
         {"1e308 * 10.0 * inputs.f", "! out of range"}});
}

TEST(Expr, StaticErrorsCarryTheirColumn) {
  check(
      {{"1 +", "! column 4 of the expression: found the end"},
       {"  lenght(inputs)",
        "! column 3 of the expression: there is no function \"lenght\" (did you mean \"length\"?)"},
       {"tasks.zebra.outputs", "! there is no task \"zebra\" (look closer)"},
       {"tasks.a", "! is a task, not a value"},
       {"tasks.a.outpts", "! did you mean \"outputs\"?"},
       {"tasks[inputs.n].state", "! a task is named by a literal"},
       {"nope", "! \"nope\" is unknown"},
       {"trim()", "! trim takes 1 argument, found 0"},
       {"a", "! \"a\" is unknown"},
       {"1 & 2", "! and is `&&`"},
       {"'open", "! without its closing quote"},
       {R"("\q")", "! as JSON writes it"},
       {"12ab", "! right after a number"},
       {"\x80", "! a character that means nothing"},
       {"inputs..x", "! expected a name"},
       {"inputs.", "! expected a name"},
       {"secrets", "! secrets are named"},
       {"secrets[inputs.n]", "! secrets are named"},
       {"", "! the expression is empty"}});
}

TEST(Expr, Functions) {
  check(
      {{"default(inputs.nope, 3)", "= 3"},
       {"default(inputs.none, 3)", "= null"},
       {"default(tasks.a-b.outputs.x.y, 'x')", "= \"x\""},
       {"default(1 / (inputs.n - 10000), 3)", "! has no value"},
       {"coalesce(inputs.nope, inputs.none, 4)", "= 4"},
       {"length(inputs.wide) + length(inputs.list) + length(inputs.map)", "= 11"},
       {"contains(inputs.list, 2) && contains('abc', 'b') && contains(inputs.map, 'k')", "= true"},
       {"starts_with(inputs.day, '2026') && ends_with(inputs.day, '31')", "= true"},
       {"upper('abz') + lower('ABZ')", "= \"ABZabz\""},
       {"trim('  x ')", "= \"x\""},
       {"join(inputs.list, '-')", "= \"3-1-2-1\""},
       {"split('a,b,,c', ',')", R"(= ["a","b","","c"])"},
       {"replace('a.b.c', '.', '::')", "= \"a::b::c\""},
       {"format('{0}/{1} {{}}', 3, 'x')", "= \"3/x {}\""},
       {"format('{2}', 1)", "! the format asks for {2}"},
       {"from_json(to_json(inputs.map)).k.deep[0]", "= 10"},
       {"string(1.5) + string(true) + string(null)", "= \"1.5true\""},
       {"number('12') + number('0.5')", "= 12.5"},
       {"number('x')", "! is not a number"},
       {"integer(2.9) + integer('-2.9')", "= 0"},
       {"integer(1e300)", "! does not fit"},
       {"min(inputs.list) + max(1, 5, 3)", "= 6"},
       {"min([])", "! an empty list"},
       {"sum(inputs.list)", "= 7"},
       {"sum([1, 0.5])", "= 1.5"},
       {"floor(2.5) + ceil(2.5) + round(2.5)", "= 8"},
       {"abs(-3) + abs(2)", "= 5"},
       {"keys(inputs.map)", R"(= ["k","a-b","x y"])"},
       {"values(from_json('{\"a\":1}'))", "= [1]"},
       {"range(3)", "= [0,1,2]"},
       {"range(5, 0, -2)", "= [5,3,1]"},
       {"range(2000000)", "! a list of more than 1000000"},
       {"range(0, inputs.big, inputs.big)", "= [0]"},
       {"slice(inputs.list, 1, 3)", "= [1,2]"},
       {"slice(inputs.wide, -2)", "= \"ü漢\""},
       {"slice('abc', 5)", "= \"\""},
       {"sort(inputs.list)", "= [1,1,2,3]"},
       {"sort(inputs.words)", R"(= ["a","b"])"},
       {"sort([1, 'a'])", "! a list of numbers or a list of texts"},
       {"unique([1, 1.0, 'a', 'a', [1], [1]])", R"(= [1,"a",[1]])"},
       {"basename('a/b.csv') + basename('/') + dirname('a/b') + dirname('/x') + dirname('x')",
        "= \"b.csv/a/.\""}});
}

TEST(Expr, MatchesUsesThePatternLanguage) {
  FakeScope s = scope();
  EXPECT_EQ(outcome(R"(matches(inputs.day, '^\d{4}-\d\d-\d\d$'))", s), "= true");
  EXPECT_EQ(outcome(R"(matches('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!', '^(a+)+$'))", s), "= false");
}

TEST(Expr, WorkIsBounded) {
  FakeScope s = scope();
  EXPECT_NE(outcome("length(unique(range(1000000))) + length(unique(range(1000000))) + "
                    "length(sort(range(1000000))) + length(sort(range(1000000)))",
                    s)
                .find("too many steps"),
            std::string::npos);
  s.inputs_value.set("text", Json(std::string(600'000, 'x')));
  EXPECT_NE(outcome("inputs.text + inputs.text", s).find("longer than 1048576"), std::string::npos);
  EXPECT_NE(outcome("replace(inputs.text, 'x', 'xxxx')", s).find("longer than"), std::string::npos);
  EXPECT_NE(outcome("join(range(1000000), '                ')", s).find("longer than"),
            std::string::npos);
  auto long_text = Expr::compile(std::string(5000, ' ') + "1", FakeNames{});
  ASSERT_FALSE(long_text.ok());
  EXPECT_EQ(long_text.error().code, Errc::too_large);
}

TEST(Expr, DeepNestingIsRefusedNotFatal) {
  FakeScope s;
  for (std::string open : {"(", "!", "-", "[", "abs("}) {
    std::string text;
    while (text.size() < 4000)
      text += open;
    EXPECT_EQ(outcome(text + "1", s)[0], '!') << open;
  }
  std::string chain = "1";
  while (chain.size() < 4000)
    chain += "+1";
  EXPECT_NE(outcome(chain, s).find("nested too deep"), std::string::npos);
  std::string path = "inputs";
  while (path.size() < 4000)
    path += ".a";
  EXPECT_NE(outcome(path, s).find("nested too deep"), std::string::npos);
}

TEST(Expr, SaysWhatItReads) {
  auto e = Expr::compile(
      "inputs.day == inputs['x'] && tasks.a.state != tasks.g.m.state && params.p > 1 "
      "&& none_failed() && inputs[run.id]",
      FakeNames{});
  ASSERT_TRUE(e.ok()) << e.error().message;
  EXPECT_EQ(e->tasks(), (std::vector<TaskId>{0, 3}));
  EXPECT_EQ(e->input_names(), (std::vector<std::string>{"day", "x"}));
  EXPECT_EQ(e->param_names(), (std::vector<std::string>{"p"}));
  EXPECT_TRUE(e->uses_status());
  EXPECT_TRUE(e->uses_root("run"));
  EXPECT_FALSE(e->uses_root("item"));
  EXPECT_FALSE(e->uses_root("secrets"));
}

TEST(Truthy, EmptyAndZeroAreFalse) {
  for (const char* f : {"false", "null", "0", "0.0", "\"\"", "[]", "{}"})
    EXPECT_FALSE(truthy(json_of(f)));
  for (const char* t : {"true", "1", "-0.5", "\"0\"", "[0]", "{\"a\":null}"})
    EXPECT_TRUE(truthy(json_of(t)));
}

TEST(Template, KeepsTypesAndConcatenates) {
  FakeScope s = scope();
  auto t = Template::compile(
      json_of(R"({"n": "${{ inputs.n }}", "s": "day ${{ inputs.day }}, ${{ inputs.n }}!",
      "l": ["a", "${{ inputs.list }}"], "k": 1, "none": "<${{ inputs.none }}>",
      "esc": "$${{ x }} ${{ 1 }}",
      "quoted": "${{ '}}' }}", "list": "=${{ inputs.words }}"})"),
      FakeNames{});
  ASSERT_TRUE(t.ok()) << t.error().message;
  auto v = t->render(s);
  ASSERT_TRUE(v.ok()) << v.error().message;
  EXPECT_EQ(v->dump(),
            R"({"n":10000,"s":"day 2026-01-31, 10000!","l":["a",[3,1,2,1]],"k":1,"none":"<>",)"
            R"("esc":"${{ x }} 1","quoted":"}}","list":"=[\"b\",\"a\"]"})");
  EXPECT_EQ(t->expressions().size(), 8u);
  EXPECT_FALSE(t->is_constant());
}

TEST(Template, ConstantsCostNothing) {
  auto t = Template::compile(json_of(R"({"a": [1, "x"]})"), FakeNames{});
  ASSERT_TRUE(t.ok());
  EXPECT_TRUE(t->is_constant());
  EXPECT_EQ(t->render(FakeScope{})->dump(), R"({"a":[1,"x"]})");
  EXPECT_TRUE(Template().render(FakeScope{})->is_null());
}

TEST(Template, AllErrorsAtOnceWithTheirPlaces) {
  std::vector<TemplateError> errors;
  EXPECT_FALSE(Template::compile(
      json_of(R"({"a": "x ${{ 1 + }}", "b/c": ["${{ nope }}", "${{ 1"]})"), FakeNames{}, errors));
  ASSERT_EQ(errors.size(), 3u);
  EXPECT_EQ(errors[0].pointer, "/a");
  EXPECT_EQ(errors[0].error.offset, 10u);
  EXPECT_EQ(errors[1].pointer, "/b~1c/0");
  EXPECT_EQ(errors[2].pointer, "/b~1c/1");
}

TEST(Template, ErrorsOfARunNameThePlace) {
  auto t = Template::compile(json_of(R"({"a": [1, "${{ inputs.nope }}"]})"), FakeNames{});
  auto v = t->render(scope());
  ASSERT_FALSE(v.ok());
  EXPECT_EQ(v.error().message.substr(0, 6), "/a/1: ");
  EXPECT_EQ(v.error().code, Errc::not_found);
}

}  // namespace
}  // namespace pawl::core
