/** What the image with libtorch is tested with, and exporters write for. */
const TORCH = '2.13.0'
/** Of the image: PyTorch's libraries, and the addon that was compiled for them. */
const PLACES = 'LIBTORCH=/opt/libtorch/torch TENSORFERRY_CACHE=/opt/tensorferry'

/**
 * Stage of a Dockerfile that fetches libtorch and compiles the addon of backend-libtorch for it.
 *
 * @param base - image with Node, Debian's
 * @param packages - stage with `/app/node_modules`
 */
export const libtorchStage = (base: string, packages: string): string => `FROM ${base} AS libtorch
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends cmake g++ make python3-venv
# From PyTorch's own index: the torch of PyPI brings CUDA along, several GB.
RUN python3 -m venv /opt/venv \\
 && /opt/venv/bin/pip install --no-cache-dir --no-deps --target /opt/libtorch \\
    --index-url https://download.pytorch.org/whl/cpu torch==${TORCH}
ENV ${PLACES}
WORKDIR /app
COPY --from=${packages} /app/node_modules node_modules
# Of torch the libraries stay, and the file that says its version.
RUN node_modules/.bin/tensorferry-libtorch build \\
 && find /opt/libtorch -mindepth 1 -maxdepth 1 ! -name torch ! -name torch.libs -exec rm -r {} + \\
 && find /opt/libtorch/torch -mindepth 1 -maxdepth 1 ! -name lib ! -name version.py -exec rm -r {} +`

/** What the last stage takes of {@link libtorchStage}. */
export const LIBTORCH_FILES = `COPY --from=libtorch /opt/libtorch /opt/libtorch
COPY --from=libtorch /opt/tensorferry /opt/tensorferry
ENV ${PLACES}`
