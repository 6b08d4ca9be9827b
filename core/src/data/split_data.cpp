#include "data/split_data.h"

#include "data/scoring.h"

namespace atp {

SplitData split_data(const TaskData& data, const Split& examples, const SplitRequest& request,
                     const std::shared_ptr<const Tokenizer>& tokenizer, const Registry& registry) {
  SplitData split;
  split.task = data.task().name;
  split.target_length = target_length(data.task(), *tokenizer, request.target_length);
  split.rows = tokenise(examples, *tokenizer, {request.source_length, split.target_length}, request.cache_folder);
  const auto scorer = std::make_shared<const Scorer>(registry, data, examples);
  split.score = [scorer](const std::vector<std::string>& predictions) { return scorer->score(predictions); };
  split.decode = [tokenizer](const std::vector<std::int32_t>& ids) { return tokenizer->decode(ids); };
  split.texts = [examples](std::int64_t row) {
    const auto place = static_cast<std::size_t>(row);
    return std::pair{std::string(examples.source(place)), std::string(examples.target(place))};
  };
  return split;
}

}  // namespace atp
