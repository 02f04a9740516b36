"""Stand-in for Slicer's module `SampleData`: it keeps what a module registers, under the real keyword names."""

from __future__ import annotations

from typing import Any

import slicer


class SampleDataSource:
    """One data set: where its files are and what becomes of them; a single address stands for a list of one."""

    def __init__(
        self,
        sampleName: str | None = None,
        sampleDescription: str | None = None,
        uris: Any = None,
        fileNames: Any = None,
        nodeNames: Any = None,
        checksums: Any = None,
        loadFiles: Any = None,
        customDownloader: Any = None,
        thumbnailFileName: str | None = None,
        loadFileTypes: Any = None,
        loadFileProperties: Any = None,
    ) -> None:
        self.sampleName = sampleName
        self.sampleDescription = sampleDescription if sampleDescription is not None else sampleName
        self.customDownloader = customDownloader
        self.thumbnailFileName = thumbnailFileName
        self.loadFileProperties = loadFileProperties or {}
        one = isinstance(uris, str)
        self.uris = [uris] if one else list(uris)
        self.fileNames = [fileNames] if one else list(fileNames)
        self.nodeNames = self._each(nodeNames, one)
        self.loadFiles = self._each(loadFiles, one)
        self.checksums = self._each(checksums, one)
        self.loadFileTypes = self._each(loadFileTypes, one or isinstance(loadFileTypes, str))
        lists = (self.fileNames, self.nodeNames, self.loadFiles, self.checksums, self.loadFileTypes)
        if any(len(values) != len(self.uris) for values in lists):
            raise ValueError(f"All fields of sample data source must have the same length: {vars(self)}")

    def _each(self, values: Any, same_for_all: bool) -> list[Any]:
        if values is None or same_for_all:
            return [values] * len(self.uris)
        return list(values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SampleDataSource) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]


class SampleDataLogic:
    """Registers data sets. The real one also downloads them."""

    @staticmethod
    def registerCustomSampleDataSource(
        category: str = "Custom",
        sampleName: str | None = None,
        uris: Any = None,
        fileNames: Any = None,
        nodeNames: Any = None,
        customDownloader: Any = None,
        thumbnailFileName: str | None = None,
        loadFileTypes: Any = None,
        loadFiles: Any = None,
        loadFileProperties: Any = None,
        checksums: Any = None,
    ) -> None:
        source = SampleDataSource(
            sampleName=sampleName,
            uris=uris,
            fileNames=fileNames,
            nodeNames=nodeNames,
            thumbnailFileName=thumbnailFileName,
            loadFileTypes=loadFileTypes,
            loadFiles=loadFiles,
            loadFileProperties=loadFileProperties,
            checksums=checksums,
            customDownloader=customDownloader,
        )
        sources = SampleDataLogic.sampleDataSourcesByCategory().setdefault(category, [])
        if source not in sources:
            sources.append(source)

    @staticmethod
    def sampleDataSourcesByCategory(category: str | None = None) -> Any:
        """Return the sources that were registered: all by category, or the list of one."""
        if not hasattr(slicer.modules, "sampleDataSources"):
            slicer.modules.sampleDataSources = {}
        every = slicer.modules.sampleDataSources
        return every if category is None else every.get(category, [])

    @staticmethod
    def isSampleDataSourceRegistered(category: str, sampleDataSource: SampleDataSource) -> bool:
        return sampleDataSource in SampleDataLogic.sampleDataSourcesByCategory(category)
