# The agent: RSG_JOIN in the environment is all it needs.
#
#   docker build -f deploy/agent.Dockerfile -t rsg-agent .                           runs on the CPU
#   docker build -f deploy/agent.Dockerfile -t rsg-agent --build-arg STACK=cuda .    runs on GPUs too
# The CUDA stack needs an NVIDIA driver of version 580 or later and GPUs of compute capability 7.5 or later.
#
# Behind a company's certificates or mirrors: a BASE that trusts them, or pip's own variables as build arguments.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
ARG STACK=cpu
ARG PIP_CERT
ARG PIP_INDEX_URL
ARG PIP_TRUSTED_HOST
WORKDIR /src
# Apart from the sources, so that a change of these fetches nothing again.
COPY deploy/common.sh deploy/setup deploy/
RUN deploy/setup --${STACK}
COPY . .
RUN deploy/bundle-agent /opt/rsg

FROM ${BASE}
RUN apt-get update -q && \
    apt-get install -y -q --no-install-recommends tini libstdc++6 && \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/* && \
    useradd --system --uid 7700 --home-dir /var/lib/rsg --create-home rsg && \
    chmod 700 /var/lib/rsg
COPY --from=build /opt/rsg /opt/rsg
ENV PATH=/opt/rsg/bin:$PATH RSG_STATE=/var/lib/rsg RSG_DRAIN_LIMIT=8s NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER rsg
WORKDIR /var/lib/rsg
STOPSIGNAL SIGTERM
ENTRYPOINT ["tini", "--", "rsg-agent"]
