#pragma once

// Everything of atp is built with hidden visibility; what a plugin or the host may use says so.
#define ATP_EXPORT __attribute__((visibility("default")))
