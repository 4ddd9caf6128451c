#!/bin/sh
# Compiles the store's records. Run in the repository's root, in the development environment.
set -eu
python -m grpc_tools.protoc -I axiomd/store --python_out=axiomd/store --pyi_out=axiomd/store \
    axiomd/store/record.proto
