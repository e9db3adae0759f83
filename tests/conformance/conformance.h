// The conformance tests: what every method promises on every family. They run over both registries,
// so a program that registers its methods or families first runs the tests on them too:
//
//   int main(int argc, char** argv) {
//     incipit::families::add_family(my_family());
//     incipit::methods::add_method(my_method(), my_declaration());
//     return incipit::conformance::run(argc, argv);
//   }
#pragma once

namespace incipit::conformance {

// Runs the tests of this program with GoogleTest, which reads and removes its own arguments, and
// returns its exit code. Tests are named after the model and the method:
// --gtest_filter='*my_family*:*my_method*' runs those of two names.
[[nodiscard]] int run(int argc, char** argv);

}  // namespace incipit::conformance
