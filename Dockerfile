# One image for web, relay, worker, beat and the one-shot preparation; docker-compose.yml says which is which.
FROM python:3.13-slim AS packages
WORKDIR /build
COPY backend/runtime/uv-requirements.lock requirements.lock ./
ENV UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy
RUN python -m venv /opt/venv \
    && pip install --no-cache-dir --require-hashes -r uv-requirements.lock \
    && uv pip install --python /opt/venv/bin/python --no-cache --compile-bytecode --require-hashes -r requirements.lock

FROM python:3.13-slim
# What PDFs are drawn with, and fonts for the scripts of communities everywhere.
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 \
       fonts-dejavu-core fonts-noto-core fonts-droid-fallback fonts-nanum \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --home-dir /app --no-create-home --shell /usr/sbin/nologin csc \
    && install --directory --owner csc --group csc --mode 0700 /data
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY manage.py ./
COPY matching matching
COPY backend backend
COPY tasks tasks
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=backend.settings \
    CSC_MODE=production \
    CSC_DATA_DIR=/data \
    OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1
RUN CSC_MODE=local CSC_DATA_DIR=/tmp/build python manage.py translations compile && rm -rf /tmp/build
# Hashed and compressed here, once a version. The settings of production want addresses, which this step never calls.
RUN SECRET_KEY=$(python -c "import secrets; print(secrets.token_urlsafe(50))") DATABASE_URL=postgresql://none/none REDIS_URL=redis://none \
    PUBLIC_URL=https://none.invalid ALLOWED_HOSTS=none.invalid EMAIL_URL=smtp://none.invalid CSC_DATA_DIR=/tmp/build \
    python manage.py collectstatic --noinput --verbosity 0 && rm -rf /tmp/build
RUN python -m compileall -q manage.py matching backend tasks
USER csc
VOLUME /data
EXPOSE 8000
CMD ["gunicorn", "--bind", "0.0.0.0:8000", "--worker-class", "backend.runtime.web_worker.PatientWorker", "--threads", "16", "--worker-tmp-dir", "/dev/shm", "--logger-class", "backend.runtime.web_worker.ServiceLog", "--access-logfile", "-", "--no-control-socket", "backend.wsgi"]
