#include "data/split_data.h"

#include "data/scoring.h"

namespace atp {

SplitData split_data(const TaskData& data, const SplitRequest& request,
                     const std::shared_ptr<const Tokenizer>& tokenizer, const Registry& registry) {
  const auto examples = data.split(request.split, request.limit);
  SplitData split;
  split.task = data.task().name;
  split.target_length = target_length(data.task(), *tokenizer, request.target_length);
  split.rows = tokenise(examples, *tokenizer, {request.source_length, split.target_length}, request.cache_folder);
  const auto scorer = std::make_shared<const Scorer>(registry, data, examples);
  split.score = [scorer](const std::vector<std::string>& predictions) { return scorer->score(predictions); };
  split.decode = [tokenizer](const std::vector<std::int32_t>& ids) { return tokenizer->decode(ids); };
  auto texts = std::make_shared<std::vector<std::pair<std::string, std::string>>>();
  for (const auto& example : examples) texts->emplace_back(example.source, example.target);
  split.texts = [texts](std::int64_t row) { return texts->at(static_cast<std::size_t>(row)); };
  return split;
}

}  // namespace atp
