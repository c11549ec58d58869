"""One module for each agent framework; importing one needs that framework, importing this package needs none."""

__all__: list[str] = []
