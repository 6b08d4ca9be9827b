# The installed tree: bin/, lib/, lib/atp/plugins/, include/atp/, lib/cmake/atp/. It works from any place.
