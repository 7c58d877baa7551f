# One image for every process of the application; docker-compose.yml says which command each one runs.
FROM python:3.13-slim-trixie

RUN useradd --create-home --uid 10001 followup
WORKDIR /app

# PATH and VIRTUAL_ENV put the environment first, so that `python` and `followup` are its own
ENV PATH=/opt/venv/bin:$PATH VIRTUAL_ENV=/opt/venv PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv

# The packages first: they change less often than the code, and Docker keeps this layer
COPY requirements.lock .
RUN pip install --quiet --no-deps --require-hashes --requirement requirements.lock

COPY . .
# Compiled here, since its user may not write: else every start compiles it anew
RUN pip install --quiet --no-deps --no-build-isolation --editable . && python -m compileall -q .

USER followup
# In exec form: SIGTERM must reach Python, which finishes the sends that have begun
CMD ["python", "worker.py"]
