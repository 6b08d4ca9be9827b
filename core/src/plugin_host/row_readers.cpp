#include "plugin_host/row_readers.h"

namespace atp {

ReaderOf row_readers(Catalogue& catalogue, const Registry& registry) {
  return [&catalogue, &registry](const std::string& form) -> std::shared_ptr<const RowReader> {
    if (!catalogue.find("reader", form)) return nullptr;
    return registry.make<RowReader>(form, Params());
  };
}

}  // namespace atp
