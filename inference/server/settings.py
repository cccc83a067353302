"""What a service may be told: where it listens and what it refuses.

Sizes of articles are counted in characters (Unicode code points): a text without spaces would be one word, however much
work it is. Arabic news has about six characters a word.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["Settings"]


class Settings(BaseModel):
    """Limits and ways of one service. `/info` tells the limits to clients."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_body_bytes: int = Field(4 * 2**20, gt=0, description="Bytes of a request's body, or of one line of a stream.")
    max_articles: int = Field(64, gt=0, description="Articles in one list.")
    max_article_characters: int = Field(100_000, gt=0, description="Characters of one article's text.")
    queue_characters: int = Field(400_000, gt=0, description="Characters that may wait to be tagged.")
    queue_articles: int = Field(128, gt=0, description="Articles that may wait to be tagged.")
    max_requests: int = Field(128, gt=0, description="Requests that are read, wait or are tagged at the same time.")
    header_seconds: float = Field(10, gt=0, description="For a request's head to arrive.")
    body_seconds: float = Field(20, gt=0, description="For its body to arrive.")
    request_seconds: float = Field(60, gt=0, description="From its last byte to its answer.")
    idle_seconds: float = Field(30, gt=0, description="In which a stream must send its next line and read its next.")
    shutdown_seconds: int = Field(30, gt=0, description="For what was accepted to be finished at the end.")
    batch_articles: int = Field(32, gt=0, description="Articles tagged together.")
    batch_characters: int = Field(50_000, gt=0, description="Characters tagged together, unless one article has more.")
    batch_seconds: float = Field(0.004, ge=0, description="To wait for a batch to fill up.")
    keys: tuple[str, ...] = Field((), repr=False, description="API keys, one of which a client must give; none: open.")
    cors_origins: tuple[str, ...] = Field((), description="Web origins whose pages may call the service.")

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        if self.max_article_characters > self.queue_characters or self.max_articles > self.queue_articles:
            raise ValueError("the queue must hold at least the longest list and the longest article")
        return self

    def limits(self) -> dict[str, int | float]:
        """What a client has to keep to."""
        names = ("max_body_bytes", "max_articles", "max_article_characters", "queue_characters")
        return {name: getattr(self, name) for name in (*names, "body_seconds", "request_seconds", "idle_seconds")}
