#include "exchange/conversion.h"

#include "atp/error.h"
#include "atp/words.h"
#include "exchange/format.h"

namespace atp {

namespace {

const Format& chosen_format(const AdapterFile& file) {
  return file.format.empty() ? format_of(file.path) : format_called(file.format);
}

const Format& written_format(const std::string& name) {
  const Format& format = format_called(name);
  if (!format.write) throw RecipeError(std::string("format '") + format.name + "' is only read");
  return format;
}

// What is said to have a part for each task has as many as there are tasks.
void require_parts(const Adapter& adapter, const std::string& path) {
  for (const auto& name : adapter.of_tasks) {
    const auto found = adapter.tensors.find(name);
    if (found == adapter.tensors.end()) continue;
    const auto& tensor = found->second;
    const auto tasks = static_cast<std::int64_t>(adapter.tasks.size());
    if (tensor.dim() == 0 || tensor.size(0) == 0 || (tasks > 0 && tensor.size(0) != tasks))
      throw FormatError(path + ": '" + name + "' " + shape_text(tensor.sizes()) +
                        " is said to have a part for each task" +
                        (tasks > 0 ? ", and there are " + std::to_string(tasks) + " tasks" : ""));
  }
}

}  // namespace

Adapter read_adapter(const AdapterFile& file) {
  Adapter adapter = chosen_format(file).read(file.path);
  require_parts(adapter, file.path);
  if (file.part && !adapter.tasks.empty())
    throw RecipeError("--part: " + file.path + " names its tasks (" + joined(adapter.tasks) + "); say --task");
  if (file.part) adapter = for_part(std::move(adapter), *file.part);
  return file.task.empty() ? adapter : for_task(std::move(adapter), file.task);
}

AdapterSummary summary_of(const AdapterFile& file, const Adapter& adapter) {
  AdapterSummary summary{adapter, chosen_format(file).name, {}, {}};
  if (const Value* name = adapter.backbone.is_map() ? adapter.backbone.find("name") : nullptr; name && name->is_text())
    summary.backbone = name->text();
  for (const auto& [name, tensor] : adapter.tensors) summary.tensors.push_back({name, tensor.sizes().vec()});
  return summary;
}

void require_written(const std::string& format) { static_cast<void>(written_format(format)); }

void write_adapter(Adapter adapter, const AdapterTarget& target) {
  const Format& format = written_format(target.format);
  if (!target.base_model.empty()) adapter.base_model = target.base_model;
  format.write(adapter, target.path);
}

}  // namespace atp
