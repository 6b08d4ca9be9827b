#pragma once

#include <string>
#include <vector>

namespace atp {

// A file of predictions: text, one a line, or JSON Lines with "prediction" and perhaps "references" (or "target", as a
// run's predictions.jsonl has it) and "group".
struct PredictionFile {
  std::vector<std::string> predictions;
  std::vector<std::vector<std::string>> references;  // empty where the file has none, else one entry a row
  std::vector<std::string> groups;                   // as `references`
};

// It is JSON Lines where its name ends in .jsonl or its first line starts a JSON object with "prediction". Throws
// DataError with the line for what is malformed.
PredictionFile read_predictions(const std::string& path);

}  // namespace atp
