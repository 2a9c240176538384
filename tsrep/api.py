"""What a user does with tsrep from Python, as the command line does; each call imports what it needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tsrep.evaluation.scores import Scores
    from tsrep.runs.audit.conduct import Audit
    from tsrep.runs.compare.comparison import Comparison
    from tsrep.runs.compare.table import Table
    from tsrep.runs.config import Configuration
    from tsrep.runs.folder import Run
    from tsrep.runs.forecast_own import OwnForecast
    from tsrep.runs.loaded_encoder import LoadedEncoder
    from tsrep.runs.predict.sources import Recordings
    from tsrep.runs.predict.table import PredictionTable
    from tsrep.runs.validate.validation import Validation
    from tsrep.signals.series import Series
    from tsrep.training.hooks import Hook


def fit(
    config: Configuration | Mapping[str, Any] | None = None,
    *,
    seeds: int | None = None,
    out: Path | str | None = None,
    resume: Path | str | None = None,
    root: Path | str | None = None,
    device: str | None = None,
    evaluation: bool = True,
    progress: bool = True,
    hooks: Sequence[Hook] = (),
) -> Run:
    """Train one encoder or several, score them on patients never seen, and write the report.

    Parameters
    ----------
    config : configuration or plain values
        ``{"dataset": "ptb-xl", "root": "..."}``; the default data are a synthetic ECG cohort.
    seeds : int, optional
        Encoders to train, from the configuration's seed on; that of seed ``K`` is the run ``RUN@K``. Of a run
        that is resumed, how many it shall have from now on.
    out : Path, optional
        The run folder.
    resume : Path, optional
        Resume the run in this folder instead.
    root : Path, optional
        Where the data are, instead of what the configuration says.
    device : str, optional
        Where to train, instead of what the configuration says; also of a run that is resumed.
    evaluation : bool
        Score the encoder when it is trained.
    progress : bool
        Show progress on standard error.
    hooks : sequence of Hook
        Watchers of the training.

    Returns
    -------
    Run
        Its folder holds ``encoder.safetensors``, ``scores.json`` and ``report.html`` among others.

    Raises
    ------
    TsrepError
        See :func:`tsrep.runs.fit.fit`.
    """
    from tsrep.report import page_is_current, write_report
    from tsrep.runs.fit import fit as train
    from tsrep.training.distributed import first_process

    run = train(
        config,
        seeds=seeds,
        out=out,
        resume=resume,
        root=root,
        device=device,
        progress=progress,
        hooks=hooks,
        evaluation=evaluation,
    )
    if first_process() and not page_is_current(run.path):
        write_report(run.path)
    return run


def evaluate(
    encoder: Run | Path | str, dataset: str | Mapping[str, Any] | None = None, **settings: Any
) -> Scores:
    """Score an encoder and write the report anew, on its run's own data or on others.

    Parameters
    ----------
    encoder : Run, path or text
        See :func:`tsrep.runs.references.reference.resolve`.
    dataset : str or mapping, optional
        Name or settings of other data, whose scores have a folder of their own.
    **settings
        See :func:`tsrep.runs.evaluate.evaluate`, and for other data
        :func:`tsrep.runs.evaluate_other.evaluate_other`.
    """
    return scored(encoder, dataset, **settings)[1]


def scored(
    encoder: Run | Path | str, dataset: str | Mapping[str, Any] | None = None, **settings: Any
) -> tuple[Path, Scores]:
    """The same with the folder that has scores and report."""
    from tsrep.report import write_report
    from tsrep.runs.evaluate import evaluate as score
    from tsrep.runs.evaluate_other import evaluate_other
    from tsrep.runs.references.reference import resolve

    if dataset is None:
        run = resolve(encoder).run
        folder, scores = run.path, score(run, **settings)
    else:
        folder, scores = evaluate_other(encoder, dataset, **settings)
    write_report(folder)
    return folder, scores


def load_encoder(reference: Run | Path | str) -> LoadedEncoder:
    """An encoder with its contract, heads and all that travels with it.

    Parameters
    ----------
    reference : Run, path or text
        See :func:`tsrep.runs.references.reference.resolve`.

    Raises
    ------
    TsrepError
        When the reference names nothing, or what it names is broken.
    """
    from tsrep.runs.references.reference import resolve

    return resolve(reference).open()


def predict(
    encoder: LoadedEncoder | Run | Path | str,
    recordings: Recordings,
    *,
    windows: bool = False,
    **options: Any,
) -> PredictionTable:
    """Predict labels of recordings by an encoder and a head that was kept with it.

    Parameters
    ----------
    encoder : LoadedEncoder, Run, path or text
        See :func:`tsrep.runs.references.reference.resolve`.
    recordings : str, Path, sequence of paths or Panel
        A folder, a file, a pattern, ``@LIST``, paths, the name of a data set, or recordings in memory.
    windows : bool
        Give a row for each window instead of one for each recording.
    **options
        Attributes of :class:`tsrep.runs.predict.options.Options`,
        :class:`tsrep.runs.predict.sources.Request` (such as ``rate``, ``channels`` and ``part``) and
        :class:`tsrep.signals.convert.Policies` (such as ``unit``).

    Returns
    -------
    PredictionTable
        A recording that cannot be predicted is a row that says why.

    Raises
    ------
    TsrepError
        When encoder, head, recordings and options do not go together, or too many recordings give none.
    """
    from tsrep.runs.predict.options import Options
    from tsrep.runs.predict.predict import predict as predict_table

    return predict_table(encoder, recordings, windows=windows, options=Options.of(**options))


def compare(
    encoders: Sequence[Any] | Path | str,
    datasets: Sequence[Any] = (),
    *,
    out: Path | str = "comparison",
    progress: bool = True,
    **settings: Any,
) -> Comparison:
    """Compare encoders, each beside random initialisations of its own architecture, and write the page.

    Parameters
    ----------
    encoders : sequence of references or entries, or path of a table
        See :class:`tsrep.runs.compare.table.Table`.
    datasets : sequence of names or settings
        None compares the stored predictions of runs.
    out : Path
        The folder; cells that are in it are not scored again.
    progress : bool
        Say on standard error what is being done.
    **settings
        Further settings of the table, such as ``labels`` and ``protocols``.

    Raises
    ------
    TsrepError
        See :func:`tsrep.runs.compare.conduct.compare`.
    """
    from tsrep.report.compare import write_comparison
    from tsrep.runs.compare.conduct import compare as conduct

    found = conduct(_table(encoders, datasets, settings), Path(out), progress=progress)
    write_comparison(found, Path(out))
    return found


def validate(
    encoders: Sequence[Any] | Path | str,
    datasets: Sequence[Any] = (),
    *,
    out: Path | str = "validation",
    progress: bool = True,
    **settings: Any,
) -> Validation:
    """Score encoders on cohorts with heads of each cohort, beside random initialisations, and write the page.

    Parameters
    ----------
    encoders : sequence of references or entries, or path of a table
        See :class:`tsrep.runs.compare.table.Table`.
    datasets : sequence of names, files or settings
        Two or more.
    out : Path
        The folder; cells that are in it are not scored again.
    progress : bool
        Say on standard error what is being done.
    **settings
        Further settings of the table, such as ``protocols`` and ``policies``.

    Raises
    ------
    TsrepError
        See :func:`tsrep.runs.validate.conduct.validate`.
    """
    from tsrep.report.validate import write_validation
    from tsrep.runs.validate.conduct import validate as conduct

    found = conduct(_table(encoders, datasets, settings), Path(out), progress=progress)
    write_validation(found, Path(out))
    return found


def audit(
    encoder: Any,
    dataset: Any,
    *,
    out: Path | str = "audit",
    overwrite: bool = False,
    progress: bool = True,
    **settings: Any,
) -> Audit:
    """Ask what an encoder knows of people besides their labels, beside references, and write the page.

    Parameters
    ----------
    encoder : reference
        A run, its folder, or what else :func:`encoder` takes.
    dataset : name, file or settings
        See :class:`tsrep.runs.compare.table.DataEntry`; with ``root`` and ``split`` in the settings.
    out : Path
        The folder.
    overwrite : bool
        Whether an audit that is there may be replaced.
    progress : bool
        Say on standard error what is being done.
    **settings
        Of the table, such as ``label_seeds`` (random initialisations), ``evaluation`` and ``policies``.

    Raises
    ------
    TsrepError
        See :func:`tsrep.runs.audit.conduct.audit`.
    """
    from tsrep.report.audit import write_audit
    from tsrep.runs.audit.conduct import audit as conduct

    encoders = [str(getattr(encoder, "path", encoder))]
    table = _table(encoders, [dataset], settings)
    found = conduct(table, Path(out), overwrite=overwrite, progress=progress)
    write_audit(found, Path(out))
    return found


def _table(
    encoders: Sequence[Any] | Path | str, datasets: Sequence[Any], settings: Mapping[str, Any]
) -> Table:
    """The table of a file, or of encoders and data sets."""
    from tsrep.runs.compare.table import data_entry, read_table, table_of

    if isinstance(encoders, Path | str):
        return read_table(Path(encoders), settings)
    entries = [data_entry(str(each)) if isinstance(each, Path | str) else each for each in datasets]
    return table_of({"encoders": list(encoders), "datasets": entries, **settings})


def forecast(
    run: Run | Path | str,
    data: Series | Path | str,
    *,
    out: Path | str | None = None,
    long: bool = False,
    **options: Any,
) -> OwnForecast:
    """Forecast the steps after a series of the user's; see :func:`tsrep.runs.forecast_own.forecast_series`.

    With ``out``, a folder, ``forecast.csv`` and ``forecast.png`` are written there; with ``long`` the table
    has a row for each step and channel.
    """
    from tsrep.inspect.figures.forecasts import write_own_forecast
    from tsrep.runs.forecast_own import forecast_series

    found = forecast_series(run, data, **options)
    if out is not None:
        write_own_forecast(found, Path(out), long=long)
    return found


def plot_views(encoder: Run | Path | str, **options: Any) -> Path:
    """Plot what views do to samples; see :func:`tsrep.inspect.views.of_run.plot_views`.

    The report is written anew when the figure lies in a run's folder, where it shows it.
    """
    from tsrep.inspect.views.of_run import plot_views as plot

    return _shown(encoder, plot(encoder, **options))


def plot_receptive_field(encoder: Run | Path | str, **options: Any) -> Path:
    """Plot what an encoder answers to; see :mod:`tsrep.inspect.receptive_field.of_run`.

    The report is written anew when the figure lies in a run's folder, where it shows it.
    """
    from tsrep.inspect.receptive_field.of_run import plot_receptive_field as plot

    return _shown(encoder, plot(encoder, **options))


def plot_attribution(encoder: Run | Path | str, recording: Recordings | None = None, **options: Any) -> Path:
    """Plot what a predicted label rests on; see :mod:`tsrep.inspect.attribution.of_recording`.

    The report is written anew when the figure lies in a run's folder, where it shows it.
    """
    from tsrep.inspect.attribution.of_recording import plot_attribution as plot

    return _shown(encoder, plot(encoder, recording, **options))


def _shown(encoder: Run | Path | str, figure: Path) -> Path:
    """A figure, in the report too when it lies in the folder of what it is of."""
    from tsrep.report import write_report
    from tsrep.runs.references.reference import resolve

    folder = Path(resolve(encoder).text)
    if (folder / "config.yaml").is_file() and figure.resolve().is_relative_to(folder.resolve()):
        write_report(folder)
    return figure
