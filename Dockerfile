# Hub as an image: see docs/deployment.md. The package index is the builder's own (PIP_INDEX_URL), and so are proxies.
ARG PYTHON_IMAGE=python:3.11-slim-trixie

FROM ${PYTHON_IMAGE} AS packages
ARG PIP_INDEX_URL=
ARG PIP_EXTRA_INDEX_URL=
ARG PIP_TRUSTED_HOST=
COPY requirements.txt /tmp/
RUN python3 -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check -r /tmp/requirements.txt

FROM ${PYTHON_IMAGE}
# git: copies of a branch. postgresql-client: backups. The others: Compose stacks, where the container is given a Docker host.
# A base that has what it needs of them is left as it is by PACKAGES=
ARG PACKAGES="docker-cli docker-compose git openssh-client postgresql-client"
RUN [ -z "${PACKAGES}" ] || { apt-get update \
    && apt-get install -y --no-install-recommends ${PACKAGES} \
    && rm -rf /var/lib/apt/lists/*; }
ARG HUB_UID=1000
ARG HUB_GID=1000
RUN groupadd --gid ${HUB_GID} hub \
    && useradd --uid ${HUB_UID} --gid ${HUB_GID} --create-home --shell /bin/sh hub \
    && install --directory --owner=hub --group=hub --mode=0700 /var/lib/hub
COPY --from=packages /opt/venv /opt/venv
COPY . /opt/hub
WORKDIR /opt/hub
# Each part would compile all of it at every start: the user that runs it may not write here.
RUN /opt/venv/bin/python -m compileall -q .
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HUB_DATA=/var/lib/hub
USER hub
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["python", "-m", "hub.healthy", "web"]
ENTRYPOINT ["python", "manage.py"]
CMD ["up"]
