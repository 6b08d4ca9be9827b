#pragma once

#include <string>

namespace atp {

// What the exception that is being handled says to people: call it in a catch block. A message of atp's own stands as
// it is, what the system refuses gets the path and the reason, and anything else is called a fault, with its words
// behind.
std::string failure_text();

}  // namespace atp
